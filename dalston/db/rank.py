"""The order in which ready tasks are handed out: fair between owners and between jobs.

A simplified start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each engine has a
virtual time, the highest rank that is being worked on. A task that becomes ready is ranked
behind it by its place among its job's tasks, times the number of jobs that its owner has
running. So the thousandth chunk of a long recording, or the thousandth job of one owner,
stands far behind the first of anybody else. Ranks are stored: handing out reads an index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.models import JobStatus, TaskStatus
from dalston.db.tables import jobs, tasks

_COUNTED_JOBS = 1000
"""An owner's jobs are counted up to here, so that ranking costs the same at any backlog."""


class Waiting(msgspec.Struct, frozen=True):
    """A task that becomes ready."""

    task_id: str
    engine_id: str
    job_id: str
    owner: str


async def ranks(connection: AsyncConnection, waiting: Sequence[Waiting]) -> dict[str, float]:
    """Return the rank of each task that becomes ready, by its id."""
    now = await _virtual_times(connection, {task.engine_id for task in waiting})
    running = await _running_jobs(connection, {task.owner for task in waiting})
    places: Counter[tuple[str, str]] = Counter()
    weights = _weights(waiting, running)
    result: dict[str, float] = {}
    for task in waiting:
        places[task.job_id, task.engine_id] += 1
        place = places[task.job_id, task.engine_id]
        result[task.task_id] = now[task.engine_id] + place * weights[task.job_id]
    return result


def _weights(waiting: Sequence[Waiting], running: Mapping[str, int]) -> dict[str, int]:
    """Return how many jobs of its owner each job stands behind, itself included.

    Jobs that become ready together keep their order.
    """
    by_owner: dict[str, list[str]] = {}
    for task in waiting:
        jobs_of_owner = by_owner.setdefault(task.owner, [])
        if task.job_id not in jobs_of_owner:
            jobs_of_owner.append(task.job_id)
    return {
        job_id: max(1, running[owner] - len(own) + number)
        for owner, own in by_owner.items()
        for number, job_id in enumerate(own, start=1)
    }


async def _virtual_times(
    connection: AsyncConnection, engine_ids: Iterable[str]
) -> dict[str, float]:
    times: dict[str, float] = {}
    for engine_id in sorted(engine_ids):
        of_engine = tasks.c.engine_id == engine_id
        running = select(func.max(tasks.c.rank)).where(
            of_engine, tasks.c.status == TaskStatus.RUNNING.value
        )
        ready = select(func.min(tasks.c.rank)).where(
            of_engine, tasks.c.status == TaskStatus.READY.value
        )
        query = select(func.coalesce(running.scalar_subquery(), ready.scalar_subquery(), 0.0))
        times[engine_id] = float((await connection.execute(query)).scalar_one())
    return times


async def _running_jobs(connection: AsyncConnection, owners: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for owner in sorted(owners):
        some = (
            select(jobs.c.id)
            .where(jobs.c.owner == owner, jobs.c.status == JobStatus.RUNNING.value)
            .limit(_COUNTED_JOBS)
            .subquery()
        )
        query = select(func.count()).select_from(some)
        counts[owner] = max(1, int((await connection.execute(query)).scalar_one()))
    return counts
