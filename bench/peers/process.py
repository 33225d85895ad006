"""Runs Python modules as processes that answer in lines of JSON, and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.waiting import MeasureError

_REPOSITORY = Path(__file__).parent.parent.parent
_STOP_SECONDS = 15.0
_LOG_CHARACTERS = 2000


@contextlib.contextmanager
def running_module(
    module: tuple[str, ...], settings: Mapping[str, str], *, answers: bool = True
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module, and end it with its children.

    Args:
        module: What follows `python -m`.
        settings: Variables of its environment, beside the ones that are there.
        answers: Its standard output is for `read_line`; otherwise it goes to the log.

    Raises:
        MeasureError: Something failed while it ran; the message holds the end of its log.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=_REPOSITORY,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        except MeasureError as error:
            log.seek(0)
            raise MeasureError(f"{error}\n{module[0]}: {log.read()[-_LOG_CHARACTERS:]}") from error
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process in its own way, then whatever is left of its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def write_line(process: subprocess.Popen[str], value: object) -> None:
    """Tell a process something.

    Raises:
        MeasureError: It ended.
    """
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(value) + "\n")
        process.stdin.flush()
    except BrokenPipeError as error:
        raise MeasureError(f"process {process.pid} ended") from error


def read_line(process: subprocess.Popen[str], seconds: float) -> Any:  # noqa: ANN401 - it is JSON
    """Return what a process says next.

    A process says one line and then waits for the next question: there is never a second line in
    the buffer, which `select` would not know of.

    Raises:
        MeasureError: It ended, or took too long.
    """
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise MeasureError(f"no answer from process {process.pid} within {seconds:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise MeasureError(f"process {process.pid} ended")
    return json.loads(line)
