"""How processes take signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from dalston.processes import on_signals


@pytest.fixture(autouse=True)
def _as_nohup_starts_a_program() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


async def test_a_signal_that_is_ignored_stays_ignored() -> None:
    loop = asyncio.get_running_loop()
    heard: list[int] = []
    last = asyncio.Event()

    def hear(number: int) -> None:
        heard.append(number)
        last.set()

    on_signals((signal.SIGHUP, signal.SIGTERM), hear)
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(last.wait(), 10)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
