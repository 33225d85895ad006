"""Jobs whose clients have gone away, having asked that such a job be stopped.

A connection may break, so each has a while to come back. Whoever takes the job up again forgets
what is noted here; what is left when its time is over is cancelled by an orchestrator.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dalston.db.compiled import abandoned as sql
from dalston.db.statements import Connection


async def note_abandoned(connection: Connection, job_id: str) -> None:
    """Note that nobody waits for a job any more, unless it has ended."""
    await forget_abandoned(connection, [job_id])
    await connection.run_many(sql.NOTE, [{"by_id": job_id}])


async def forget_abandoned(connection: Connection, job_ids: Collection[str]) -> None:
    """Forget that nobody waits for jobs: somebody does, or they have ended."""
    await connection.fetch(sql.FORGET, job_ids=sorted(job_ids))


async def noted_as_abandoned(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Return those of some jobs that are noted."""
    rows = await connection.fetch(sql.NOTED, job_ids=sorted(job_ids))
    return {row.job_id for row in rows}


async def due_jobs(connection: Connection, limit: int) -> Sequence[str]:
    """Return jobs whose clients have been gone for long enough."""
    return [row.job_id for row in await connection.fetch(sql.DUE, limit=limit)]


async def take_due(connection: Connection, job_ids: Collection[str]) -> list[str]:
    """Return those of some jobs whose clients have not come back meanwhile, and forget them."""
    rows = await connection.fetch(sql.TAKE_DUE, job_ids=sorted(job_ids))
    return sorted(row.job_id for row in rows)
