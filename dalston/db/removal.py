"""Deleting jobs: first a mark that hides them, then their objects, and in the end their rows.

The rows stay a while so that an engine that was still writing can't leave objects behind:
the sweep deletes the objects once more before it removes the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, delete, select, update

from dalston.db.locking import lock
from dalston.db.statements import Connection, Statement, any_of
from dalston.db.tables import (
    DatabaseAgo,
    DatabaseNow,
    deliveries,
    edges,
    history,
    jobs,
    tasks,
    versions,
)

SETTLE_SECONDS = 120.0
"""How long a deleted job's rows stay: longer than an engine goes on without its lease."""

_HIDE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("by_id"), jobs.c.deleted_at.is_(None))
    .values(deleted_at=DatabaseNow())
)
_OF_NO_INTEREST = Statement(delete(deliveries).where(deliveries.c.job_id == bindparam("by_id")))
_WITHOUT_AUDIO = Statement(
    update(jobs).where(jobs.c.id == bindparam("by_id")).values(audio_deleted_at=DatabaseNow())
)
_SETTLED = Statement(
    select(jobs.c.id)
    .where(jobs.c.deleted_at < DatabaseAgo(SETTLE_SECONDS))
    .order_by(jobs.c.deleted_at)
    .limit(bindparam("limit", type_=Integer))
)
_OWN_TASKS = select(tasks.c.id).where(any_of(tasks.c.job_id, "job_ids"))
_PURGE = [
    Statement(delete(edges).where(edges.c.task_id.in_(_OWN_TASKS))),
    Statement(delete(tasks).where(any_of(tasks.c.job_id, "job_ids"))),
    Statement(delete(versions).where(any_of(versions.c.job_id, "job_ids"))),
    Statement(delete(deliveries).where(any_of(deliveries.c.job_id, "job_ids"))),
    Statement(delete(history).where(any_of(history.c.job_id, "job_ids"))),
    Statement(delete(jobs).where(any_of(jobs.c.id, "job_ids"), jobs.c.deleted_at.is_not(None))),
]


async def mark_audio_deleted(connection: Connection, job_id: str) -> None:
    """Note that a job's audio is deleted, before it is."""
    await connection.fetch(_WITHOUT_AUDIO, by_id=job_id)


async def mark_deleted(connection: Connection, job_id: str) -> None:
    """Hide a job from everybody who asks, and tell nobody of it any more."""
    await connection.fetch(_HIDE, by_id=job_id)
    await connection.fetch(_OF_NO_INTEREST, by_id=job_id)


async def settled_jobs(connection: Connection, limit: int) -> list[str]:
    """Return jobs that were deleted long enough ago."""
    return [row.id for row in await connection.fetch(_SETTLED, limit=limit)]


async def purge_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Remove the rows of deleted jobs and all that hangs on them."""
    await lock(connection, job_ids)
    for statement in _PURGE:
        await connection.fetch(statement, job_ids=job_ids)
