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
"""Of the jobs that are purged in one transaction; each has some five rows that go with it."""


async def mark_audio_deleted(connection: Connection, job_id: str) -> None:
    """Note that a job's audio is deleted, before it is."""
    await connection.fetch(sql.WITHOUT_AUDIO, by_id=job_id)


async def mark_deleted(connection: Connection, job_id: str) -> None:
    """Hide a job from everybody who asks, and tell nobody of it any more."""
    await connection.fetch(sql.HIDE, by_id=job_id)
    await connection.fetch(sql.OF_NO_INTEREST, by_id=job_id)


async def settled_jobs(
    connection: Connection, limit: int, skipped: int = 0, seconds: float = SETTLE_SECONDS
) -> list[str]:
    """Return jobs that were deleted so many seconds ago, without so many of the first."""
    rows = await connection.fetch(sql.SETTLED, limit=limit, skipped=skipped, seconds=seconds)
    return [row.id for row in rows]


async def portions(connection: Connection, job_ids: Sequence[str]) -> list[list[str]]:
    """Part jobs into those that are purged together: one with very many tasks is so alone.

    Everybody else who writes waits for such a transaction, on PostgreSQL it may take half a minute
    at most, and two hundred recordings of ten hours have a million rows.
    """
    rows = await connection.fetch(sql.SIZES, job_ids=job_ids)
    sizes = {row.job_id: int(row.tasks) for row in rows}
    parted: list[list[str]] = []
    room = 0
    for job_id in job_ids:
        size = sizes.get(job_id, 0)
        if not parted or size > room:
            parted.append([])
            room = _MOST_TASKS
        parted[-1].append(job_id)
        room -= size
    return parted


async def purge_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Remove the rows of deleted jobs and all that hangs on them."""
    await settle_jobs(connection, job_ids)
    await lock(connection, job_ids)
    for statement in sql.PURGE:
        await connection.fetch(statement, job_ids=job_ids)
