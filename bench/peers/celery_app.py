"""The Celery application: two tasks, and what a worker process keeps. Loaded by `celery -A`."""

from __future__ import annotations

import os

from celery import Celery, signals  # type: ignore[import-untyped] # it has no types of its own

from bench.peers.rows import FINISH_FIRST, FINISH_LAST, TRANSCRIPT, BlockingConnection

PEER = "celery"

_connections: list[BlockingConnection] = []
"""The one connection of a worker process."""


def finish_first(job_id: str) -> None:
    """Do step A."""
    _connections[0].execute(FINISH_FIRST, job_id)


def finish_last(job_id: str) -> None:
    """Do step B."""
    _connections[0].execute(FINISH_LAST, job_id, TRANSCRIPT)


def open_connection(**_: object) -> None:
    """Connect a worker process before its first task."""
    _connections.append(BlockingConnection(os.environ["BENCH_DATABASE_URL"], PEER, "worker"))


app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"], set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    # As many as there are submitters: none of them waits for another one's connection.
    broker_pool_limit=int(os.environ["BENCH_SUBMITTERS"]),
    broker_transport_options={"global_keyprefix": f"bench-{PEER}-"},
    task_acks_late=True,
    task_default_queue="jobs",
    task_ignore_result=True,
    worker_disable_rate_limits=True,
)
first = app.task(finish_first, name="bench.first")
last = app.task(finish_last, name="bench.last")
signals.worker_process_init.connect(open_connection)
