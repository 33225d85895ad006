"""Files of one call that wait for each other, because their owner may have few jobs at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dalston.client.api import Api, Sent
from dalston.client.errors import RefusedError
from dalston.client.sending import Sending
from dalston.client.session import Session


class FullSession(Session):
    """A session with a server that has no place before the call's own job has ended."""

    def __init__(self, running: set[str]) -> None:
        super().__init__("http://localhost", Path(), print)
        self.running = running
        self.asked = 0

    async def ask(self, request: Any) -> Any:
        """Refuse as one does who has been asked for a minute."""
        del request
        self.asked += 1
        if self.asked == 1:
            self.running.clear()
            raise RefusedError("too_many_jobs", "You may have one job at a time", 429, 10)
        return "job_2"


async def nowhere(_api: Api, _sent: Sent) -> str:
    raise AssertionError("nobody is asked but the session")


def sending() -> Sending:
    return Sending("talk.wav", nowhere, None)


async def test_a_file_waits_as_long_as_its_own_calls_jobs_run() -> None:
    running, waited = {"job_1"}, []
    session = FullSession(running)
    assert await session.submit(sending(), running, lambda: waited.append("once")) == "job_2"
    assert (session.asked, waited) == (2, ["once"])


async def test_a_file_fails_if_it_is_others_who_take_the_places() -> None:
    running: set[str] = set()
    with pytest.raises(RefusedError):
        await FullSession(running).submit(sending(), running, lambda: None)
