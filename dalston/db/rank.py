"""The order in which ready tasks are handed out: fair between owners and between jobs.

A simplified start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each engine has a
virtual time, the highest rank that is being worked on. The first task of a job is ranked there,
and each further one behind it, by the number of jobs that its owner has running. So the
thousandth chunk of a long recording, or the thousandth job of one owner, stands far behind the
first of anybody else. Ranks are stored: handing out reads an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from dalston.db.compiled import rank as sql
from dalston.db.statements import Connection

_AHEAD = 0.5
"""By how much an owner's further job stands in front of the next task of the job before it."""


class Waiting(msgspec.Struct, frozen=True):
    """A task that becomes ready.

    Attributes:
        in_turn: Whether others of its job may wait at the same engine, behind which it goes.
    """

    task_id: str
    engine_id: str
    job_id: str
    owner: str
    in_turn: bool = False


async def ranks(connection: Connection, waiting: Sequence[Waiting]) -> dict[str, float]:
    """Return the rank of each task that becomes ready, by its id."""
    now: dict[str, float] = {}
    running: dict[str, int] = {}
    for engine_id, owner in sorted({(task.engine_id, task.owner) for task in waiting}):
        row = await connection.fetch_one(sql.BASIS, engine_id=engine_id, owner=owner)
        now[engine_id] = 0.0 if row is None else float(row.virtual_time)
        running[owner] = 1 if row is None else max(1, int(row.running_jobs))
    weights = _weights(waiting, running)
    last = await _last_ranks(connection, waiting)
    result: dict[str, float] = {}
    for task in waiting:
        weight = weights[task.job_id]
        place = (task.job_id, task.engine_id)
        first = now[task.engine_id] + max(0.0, weight - 1 - _AHEAD)
        rank = first if place not in last else max(first, last[place] + weight)
        last[place] = result[task.task_id] = rank
    return result


async def _last_ranks(
    connection: Connection, waiting: Sequence[Waiting]
) -> dict[tuple[str, str], float]:
    """Return the rank behind which the next task of a job goes, by job and engine."""
    places = {(task.job_id, task.engine_id) for task in waiting if task.in_turn}
    last: dict[tuple[str, str], float] = {}
    for job_id, engine_id in sorted(places):
        row = await connection.fetch_one(sql.LAST_OF_JOB, job_id=job_id, engine_id=engine_id)
        if row is not None and row.rank is not None:
            last[job_id, engine_id] = float(row.rank)
    return last


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
