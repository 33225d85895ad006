"""How long an engine waits for a store that takes requests and answers none."""

from __future__ import annotations

import pytest

from dalston.common.errors import StoreUnavailableError
from dalston.engine_sdk import patience


@pytest.mark.parametrize("unanswered", [2, 3])
async def test_one_call_that_takes_all_the_time_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, unanswered: int
) -> None:
    monkeypatch.setattr(patience, "STORE_PATIENCE_SECONDS", 0.0)
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries <= unanswered:
            raise StoreUnavailableError("It does not answer.")
        return "stored"

    if unanswered == 2:
        assert await patience.patiently(call) == "stored"
    else:
        with pytest.raises(StoreUnavailableError):
            await patience.patiently(call)
    assert tries == 3
