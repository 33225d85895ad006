"""taskiq with a Redis stream as its broker: task A enqueues task B, several worker processes."""

from __future__ import annotations

from bench.peers.chain import Chain, Load, PeerResult, measure_chain

TASKIQ = Chain(
    name="taskiq",
    worker=(
        *("taskiq", "worker", "bench.peers.taskiq_app:broker", "--log-level", "WARNING"),
        *("--workers", "{concurrency}"),
    ),
    submitter="bench.peers.taskiq_submitter",
)


def measure_taskiq(
    database_url: str,
    redis_url: str,
    *,
    jobs: int,
    submitters: int = 32,
    idle_jobs: int = 60,
    concurrency: int = 2,
) -> PeerResult:
    """Measure two taskiq tasks in a row; see `bench.peers.chain` for how, and `Load` for the load.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    load = Load(jobs, submitters, idle_jobs, concurrency)
    return measure_chain(TASKIQ, database_url, redis_url, load)
