"""What commands say about a server that isn't there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

NOBODY = ("--server", "http://127.0.0.1:1")
SAID = "No Dalston server answers at http://127.0.0.1:1 ("


@pytest.mark.parametrize(
    "given",
    [
        ("jobs", "list"),
        ("jobs", "show", "job_1"),
        ("jobs", "rm", "job_1"),
        ("jobs", "export", "job_1"),
        ("engines",),
    ],
)
def test_nobody_at_the_address_is_said_in_words(shell: Shell, given: tuple[str, ...]) -> None:
    done = replace(shell, command=given[0]).run(*given[1:], *NOBODY)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"Error: {SAID}")
    assert "ConnectError" not in done.err
    assert "dalston serve" in done.err


def test_watching_says_at_once_that_it_waits(shell: Shell) -> None:
    call = replace(shell, command="jobs").begin("watch", "job_1", *NOBODY)
    assert f"job_1: waiting for the server: {SAID}" in call.read_until("job_1")


@pytest.mark.parametrize("given", [("jobs", "list"), ("engines",)])
def test_where_python_has_not_all_that_a_server_needs(given: tuple[str, ...]) -> None:
    """Windows lacks these modules."""
    lacking = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(('fcntl', 'pwd', 'resource')));"
        "runpy.run_module('dalston', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", lacking, *given, *NOBODY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(f"Error: {SAID}")


@pytest.mark.parametrize(
    ("where", "said"), [(NOBODY, SAID.rstrip(" (")), ((), "No server runs on this system")]
)
def test_transcribing_where_python_has_not_all_that_a_server_needs(
    tmp_path: Path, where: tuple[str, ...], said: str
) -> None:
    """Windows lacks these modules, one of the signals, and handlers of a loop for any."""
    lacking = (
        "import asyncio, runpy, signal, sys;"
        "sys.modules.update(dict.fromkeys(('fcntl', 'pwd', 'resource')));"
        "del signal.SIGHUP, signal.Signals._member_map_['SIGHUP'];"
        "asyncio.SelectorEventLoop.add_signal_handler ="
        " asyncio.AbstractEventLoop.add_signal_handler;"
        "import dalston.client.session as session; session._FIRST_ANSWER_SECONDS = 0.0;"
        "runpy.run_module('dalston', run_name='__main__')"
    )
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"RIFF")
    done = subprocess.run(
        [sys.executable, "-c", lacking, "transcribe", str(recording), *where],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
