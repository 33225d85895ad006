"""The taskiq broker: two tasks, and what a worker process keeps. Loaded by `taskiq worker`."""

from __future__ import annotations

import os
from typing import Any

from taskiq import AsyncTaskiqDecoratedTask, TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

from bench.peers.rows import FINISH_FIRST, FINISH_LAST, TRANSCRIPT, open_pool

PEER = "taskiq"
_CONNECTIONS = 16

_pools: list[Any] = []
"""The one pool of a worker process."""


async def finish_first(job_id: str) -> None:
    """Do step A, then hand on to step B."""
    await _pools[0].execute(FINISH_FIRST, job_id)
    await last.kiq(job_id)


async def finish_last(job_id: str) -> None:
    """Do step B."""
    await _pools[0].execute(FINISH_LAST, job_id, TRANSCRIPT)


async def open_connections(state: TaskiqState) -> None:
    """Connect a worker process before its first task."""
    del state
    _pools.append(await open_pool(os.environ["BENCH_DATABASE_URL"], PEER, "worker", _CONNECTIONS))


async def close_connections(state: TaskiqState) -> None:
    """Disconnect a worker process after its last task."""
    del state
    await _pools.pop().close()


broker = RedisStreamBroker(
    os.environ["BENCH_REDIS_URL"],
    queue_name=f"bench-{PEER}-jobs",
    consumer_group_name=f"bench-{PEER}",
)
first: AsyncTaskiqDecoratedTask[[str], Any] = broker.register_task(finish_first, "bench.first")
last: AsyncTaskiqDecoratedTask[[str], Any] = broker.register_task(finish_last, "bench.last")
broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, open_connections)
broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, close_connections)
