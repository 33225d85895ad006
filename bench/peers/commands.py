"""How a process that submits jobs is told to: a line of JSON each way.

It is a process of its own so that its processor time is that of submitting alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from bench.peers.process import read_line, write_line

Submit = Callable[[list[str]], None]
"""Submits jobs with these ids, and returns when all are submitted."""


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
        MeasureError: It ended, or took too long.
    """
    read_line(process, seconds)


def request(process: subprocess.Popen[str], job_ids: list[str], seconds: float) -> float:
    """Have a process submit jobs.

    Returns:
        When it began, in seconds of the system's monotonic clock.

    Raises:
        MeasureError: It ended, or took too long.
    """
    write_line(process, job_ids)
    return float(read_line(process, seconds))
