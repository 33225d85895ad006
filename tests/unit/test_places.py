"""Files of one call that wait for each other, because their owner may have few jobs at a time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dalston.client.api import Api
from dalston.client.errors import RefusedError
from dalston.client.outputs import StandardOutput
from dalston.client.progress import display_for
from dalston.client.recordings import Recording
from dalston.client.transcribe import _Call, _File
from dalston.common.subtitles import Rules


class Full:
    """A server that has no place before somebody's job has ended."""

    def __init__(self, call: _Call) -> None:
        self.call = call
        self.asked = 0

    async def ask(self, request: Any) -> str:
        """Refuse as one does who has been asked for a minute."""
        del request
        self.asked += 1
        if self.asked == 1:
            self.call.running.clear()
            raise RefusedError("too_many_jobs", "You may have one job at a time", 429, 10)
        return "job_2"


async def submit(_: Api) -> str:
    raise AssertionError("nobody is asked but the session")


@pytest.fixture
def call() -> _Call:
    recordings = [Recording(Path("a.wav")), Recording(Path("b.wav"))]
    output = StandardOutput(recordings, "txt", io.BytesIO(), Rules())
    return _Call(recordings, {}, output, display_for(["a.wav", "b.wav"], io.StringIO()), 2, set())


async def test_a_file_waits_as_long_as_its_own_calls_jobs_run(call: _Call) -> None:
    call.running["job_1"] = 0
    session: Any = Full(call)
    assert await _File(call, session, 1)._accepted(submit) == "job_2"
    assert session.asked == 2


async def test_a_file_fails_if_it_is_others_who_take_the_places(call: _Call) -> None:
    session: Any = Full(call)
    with pytest.raises(RefusedError):
        await _File(call, session, 1)._accepted(submit)
