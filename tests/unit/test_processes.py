"""How processes take signals."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterator

import pytest

from dalston.processes import allow_many_files, on_signals


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


def test_as_many_files_may_be_open_as_the_system_lets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65_536), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
