"""A bucket that takes requests and answers none: whoever asks is told, and not after minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dalston.common import object_clients
from dalston.common.errors import StoreUnavailableError
from dalston.common.storage import ObjectStore, StoreSettings


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.put("jobs/a", b"1"),
        lambda store: store.get("jobs/a"),
        lambda store: store.list("jobs"),
    ],
)
async def test_what_has_taken_too_long_is_not_asked_again_and_again(
    call: Callable[[ObjectStore], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_clients, "REQUEST_SECONDS", 2)
    monkeypatch.setattr(object_clients, "RETRY_SECONDS", 1)
    lines: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        while await reader.read(65536):
            pass

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = ObjectStore(
        StoreSettings(
            bucket="one",
            endpoint_url=f"http://127.0.0.1:{port}",
            access_key_id="a",
            secret_access_key="b",
        )
    )
    before = time.monotonic()
    try:
        with pytest.raises(StoreUnavailableError):
            await call(store)
    finally:
        for line in lines:
            line.close()
        server.close()
        await server.wait_closed()
    # Once, and not the ten times more that the library would ask by itself.
    assert len(lines) == 1
    assert time.monotonic() - before < 10


def test_one_request_takes_longer_than_a_bucket_is_asked_again() -> None:
    # Else one that hangs is asked once more.
    assert object_clients.RETRY_SECONDS < object_clients.REQUEST_SECONDS
