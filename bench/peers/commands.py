"""How a process that submits jobs is told to: a line of JSON each way.

It is a process of its own so that its processor time is that of submitting alone.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable

Submit = Callable[[list[str]], None]
"""Submits jobs with these ids, and returns when all are submitted."""


class PeerError(Exception):
    """A peer did not do its work, so that there is nothing to compare with."""


def serve(submit: Submit) -> None:
    """Submit what standard input asks for, until it ends; answer with when that began."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        job_ids = json.loads(line)
        begin = time.monotonic()
        submit(job_ids)
        print(json.dumps(begin), flush=True)


def wait_ready(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until a process can submit.

    Raises:
        PeerError: It ended, or took too long.
    """
    _answer(process, seconds)


def request(process: subprocess.Popen[str], job_ids: list[str], seconds: float) -> float:
    """Have a process submit jobs.

    Returns:
        When it began, in seconds of the system's monotonic clock.

    Raises:
        PeerError: It ended, or took too long.
    """
    assert process.stdin is not None
    process.stdin.write(json.dumps(job_ids) + "\n")
    process.stdin.flush()
    return float(_answer(process, seconds))


def _answer(process: subprocess.Popen[str], seconds: float) -> str:
    """Read one line; there is never a second one waiting, so that `select` tells the truth."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise PeerError(f"no answer from the submitting process within {seconds:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise PeerError("the submitting process ended")
    return str(json.loads(line))
