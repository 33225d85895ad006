"""How much faster a recording is done by more runners: chunks that take two seconds each.

The engine sleeps, so that runners don't take the processor from each other. Efficiency is the
time that the chunks alone would need, shared out evenly, over the time from their being known
until the job is completed: what is lost to handing out, reporting and waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.deployments import Parts
from bench.roles import new_pipeline_server
from bench.waiting import seen, watch_job

RUNNERS = (1, 8, 64)
"""That are compared; the last one is as many as fit on a small machine."""
CHUNK_SECONDS = 2.0
_ENGINES = ("even-chunks", "sleeping-transcriber", "counting-merger")
_TRANSCRIBER = "sleeping-transcriber"
_ARE_PLANNED = """
SELECT EXISTS (SELECT 1 FROM tasks WHERE job_id = $1 AND stage = 'transcribe')
"""


@dataclass(frozen=True)
class Speedup:
    """What so many runners of an engine achieved on one recording.

    Attributes:
        runners: How many tasks were worked on at a time.
        seconds: From the chunks' being known until the job was completed.
        efficiency: The time that the chunks alone need, over that.
    """

    runners: int
    seconds: float
    efficiency: float


def measure_speedups(deployment: str, parts: Parts, rounds: int) -> list[Speedup]:
    """Measure one recording for each number of runners.

    Args:
        deployment: Where.
        parts: What it stands on.
        rounds: Chunks that each runner gets.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    return [_measure(deployment, parts, runners, rounds) for runners in RUNNERS]


def _measure(deployment: str, parts: Parts, runners: int, rounds: int) -> Speedup:
    slots = dict.fromkeys(_ENGINES, 1) | {_TRANSCRIBER: runners}
    with new_pipeline_server(deployment, parts, "sleeping", slots) as server:
        job = server.submit(str(runners * rounds).encode())
        begin = seen(lambda: server.tables.value(_ARE_PLANNED, job), "chunks", pause=0.005)
        seconds = watch_job(server.tables, job) - begin
    return Speedup(runners, seconds, rounds * CHUNK_SECONDS / seconds)
