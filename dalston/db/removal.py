"""Deleting jobs: first a mark that hides them, then their objects, and in the end their rows.

The rows stay a while so that an engine that was still writing can't leave objects behind:
the sweep deletes the objects once more before it removes the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from dalston.db.compiled import removal as sql
from dalston.db.locking import lock
from dalston.db.statements import Connection
from dalston.db.usage import settle_jobs

SETTLE_SECONDS = 120.0
"""How long a deleted job's rows stay: longer than an engine goes on without its lease."""
_MOST_TASKS = 2000
"""Of the jobs that are deleted or purged together. Each has some five rows that go with it, and an
object or two: a store that takes twenty milliseconds has deleted them in `SETTLE_SECONDS`."""


async def mark_audio_deleted(connection: Connection, *job_ids: str) -> None:
    """Note that jobs' audio is deleted, before it is."""
    await connection.run_many(sql.WITHOUT_AUDIO, [{"by_id": job_id} for job_id in job_ids])


async def mark_deleted(connection: Connection, *job_ids: str) -> None:
    """Hide jobs from everybody who asks, and tell nobody of them any more."""
    rows = [{"by_id": job_id} for job_id in job_ids]
    await connection.run_many(sql.HIDE, rows)
    await connection.run_many(sql.OF_NO_INTEREST, rows)


async def settled_jobs(
    connection: Connection, limit: int, skipped: int = 0, seconds: float = SETTLE_SECONDS
) -> list[str]:
    """Return jobs that were deleted so many seconds ago, without so many of the first."""
    rows = await connection.fetch(sql.SETTLED, limit=limit, skipped=skipped, seconds=seconds)
    return [row.id for row in rows]


async def few_enough(connection: Connection, job_ids: Sequence[str]) -> Sequence[str]:
    """Return the first of some jobs, as many as are deleted or purged together: one at least.

    With SQLite everybody else who writes waits for it, with PostgreSQL half a minute is the end of
    it; and two hundred recordings of ten hours have a million rows.
    """
    rows = await connection.fetch(sql.SIZES, job_ids=job_ids)
    sizes = {row.job_id: int(row.tasks) for row in rows}
    total = 0
    for number, job_id in enumerate(job_ids):
        total += sizes.get(job_id, 0)
        if number and total > _MOST_TASKS:
            return job_ids[:number]
    return job_ids


async def purge_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Remove the rows of deleted jobs and all that hangs on them."""
    await settle_jobs(connection, job_ids)
    await lock(connection, job_ids)
    for statement in sql.PURGE:
        await connection.fetch(statement, job_ids=job_ids)
