"""Deleting jobs: first a mark that hides them, then their objects, and in the end their rows.

The rows stay a while so that an engine that was still writing can't leave objects behind:
the sweep deletes the objects once more before it removes the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.db.tables import DatabaseNow, edges, history, jobs, tasks

SETTLE_SECONDS = 120.0
"""How long a deleted job's rows stay: longer than an engine goes on without its lease."""


async def mark_deleted(connection: AsyncConnection, job_id: str) -> None:
    """Hide a job from everybody who asks."""
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.deleted_at.is_(None))
        .values(deleted_at=DatabaseNow())
    )


async def settled_jobs(connection: AsyncConnection, limit: int) -> list[str]:
    """Return jobs that were deleted long enough ago."""
    now = (await connection.execute(select(DatabaseNow()))).scalar_one()
    query = (
        select(jobs.c.id)
        .where(jobs.c.deleted_at < now - timedelta(seconds=SETTLE_SECONDS))
        .order_by(jobs.c.deleted_at)
        .limit(limit)
    )
    return [row.id for row in (await connection.execute(query)).all()]


async def purge_jobs(connection: AsyncConnection, job_ids: Sequence[str]) -> None:
    """Remove the rows of deleted jobs and all that hangs on them."""
    own_tasks = select(tasks.c.id).where(tasks.c.job_id.in_(job_ids))
    await connection.execute(delete(edges).where(edges.c.task_id.in_(own_tasks)))
    await connection.execute(delete(tasks).where(tasks.c.job_id.in_(job_ids)))
    await connection.execute(delete(history).where(history.c.job_id.in_(job_ids)))
    await connection.execute(
        delete(jobs).where(jobs.c.id.in_(job_ids), jobs.c.deleted_at.is_not(None))
    )
