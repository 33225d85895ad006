"""Celery 5 with Redis as its broker: `chain(a, b)`, acknowledged late, prefork workers."""

from __future__ import annotations

from bench.peers.chain import Chain, Load, PeerResult, measure_chain

CELERY = Chain(
    name="celery",
    worker=(
        *("celery", "-A", "bench.peers.celery_app", "worker", "--loglevel", "WARNING"),
        *("--pool", "prefork", "--concurrency", "{concurrency}"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ),
    submitter="bench.peers.celery_submitter",
)


def measure_celery(
    database_url: str,
    redis_url: str,
    *,
    jobs: int,
    submitters: int = 32,
    idle_jobs: int = 60,
    concurrency: int = 2,
) -> PeerResult:
    """Measure a two-step Celery chain; see `bench.peers.chain` for how, and `Load` for the load.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    load = Load(jobs, submitters, idle_jobs, concurrency)
    return measure_chain(CELERY, database_url, redis_url, load)
