"""`dalston transcribe` stopped a second time, while it deletes what it had begun."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Served
from tests.support.relay import relay
from tests.support.waiting import until

Recordings = Callable[[str], Path]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM),
    ],
)
def test_a_second_signal_is_no_error(
    served: Served, recordings: Recordings, first: signal.Signals, second: signal.Signals
) -> None:
    before = served.listed()
    runs = len(served.gate.begun())
    with relay(httpx.URL(served.url).port or 0) as line:
        line.holds_at = b"DELETE /"
        options = ("--pipeline", "gated", "--server", f"http://127.0.0.1:{line.port}")
        call = served.shell.begin(recordings("held.wav"), *options)
        served.gate.wait_for_runs(runs + 1)
        call.signal(first)
        until(lambda: served.listed() == before, "the job to be deleted")
        call.signal(second)
        line.let_answer()
        done = call.end()
    assert (done.status, done.out) == (128 + signal.SIGTERM, ""), done.err
    assert "Traceback" not in done.err
    if first == second:
        assert "is deleted)" in done.err
