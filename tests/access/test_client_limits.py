"""A limit on requests slows a call of the client down, and fails none of its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dalston.client.api import Api
from dalston.client.errors import RefusedError
from dalston.client.session import Session
from tests.support.deployment import Deployment
from tests.support.keys import bearer, limit, make_key
from tests.support.stack import TRANSCRIPTIONS, Stack

PER_MINUTE = 60
AT_ONCE = 6

pytestmark = pytest.mark.parametrize("deployment", ["embedded"], indirect=True)


@pytest.fixture
def key(stack: Stack, deployment: Deployment) -> str:
    """A key of which one request a second is let through, and none at once."""
    limit(deployment, "ada", requests_per_minute=PER_MINUTE)
    made = make_key(deployment, "ada")
    stack.gateway()
    while stack.client.get(TRANSCRIPTIONS, headers=bearer(made)).is_success:
        pass
    return made


@pytest.fixture
async def session(stack: Stack, key: str, tmp_path: Path) -> AsyncIterator[Session]:
    session = Session(stack.url, tmp_path, lambda _said: None, key)
    await session.open()
    yield session
    await session.close()


async def test_requests_that_a_limit_holds_up_are_all_let_through(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they take longer than patience with a server that lets none of them through."""
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", AT_ONCE / 3)
    asked = [session.ask(lambda api: api.list_jobs(1)) for _ in range(AT_ONCE)]
    assert await asyncio.gather(*asked) == [([], None)] * AT_ONCE


async def test_a_limit_that_lets_none_through_ends_patience(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", 1.0)

    async def too_late(api: Api) -> None:
        """Ask when another program has just used up what was free."""
        while True:
            await api.list_jobs(1)

    with pytest.raises(RefusedError, match="too_many_requests"):
        await session.ask(too_late)
