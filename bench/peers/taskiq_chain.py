"""taskiq with a Redis stream as its broker: task A enqueues task B, several worker processes."""

from __future__ import annotations

from bench.peers.chain import Chain, PeerResult, measure_chain


def measure_taskiq(
    database_url: str,
    redis_url: str,
    *,
    jobs: int,
    submitters: int = 32,
    idle_jobs: int = 60,
    concurrency: int = 2,
) -> PeerResult:
    """Measure two taskiq tasks in a row; see `bench.peers.chain` for how, and for the arguments.

    Raises:
        PeerError: A process did not start or a job did not complete.
    """
    chain = Chain(
        name="taskiq",
        worker=(
            *("taskiq", "worker", "bench.peers.taskiq_app:broker"),
            *("--workers", str(concurrency), "--log-level", "WARNING"),
        ),
        submitter="bench.peers.taskiq_submitter",
    )
    return measure_chain(
        chain,
        database_url,
        redis_url,
        jobs=jobs,
        submitters=submitters,
        idle_jobs=idle_jobs,
        concurrency=concurrency,
    )
