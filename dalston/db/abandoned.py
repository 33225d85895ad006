"""Jobs whose clients have gone away, having asked that such a job be stopped.

A connection may break, so each has a while to come back. Whoever takes the job up again forgets
what is noted here; what is left when its time is over is cancelled by an orchestrator.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Integer, String, bindparam, delete, insert, literal, select

from dalston.common.models import LIVE_JOB
from dalston.db.statements import Connection, Statement, any_of, one_of
from dalston.db.tables import DatabaseAgo, DatabaseLater, abandoned_jobs, jobs

GRACE_SECONDS = 60.0
"""How long a client that has gone away has to come back."""

_JOB_ID = bindparam("by_id", type_=String)
_NOTE = Statement(
    insert(abandoned_jobs).from_select(
        ["job_id", "due_at"],
        select(jobs.c.id, DatabaseLater(literal(GRACE_SECONDS))).where(
            jobs.c.id == _JOB_ID,
            one_of(jobs.c.status, sorted(LIVE_JOB)),
            jobs.c.deleted_at.is_(None),
        ),
    )
)
_FORGET = Statement(delete(abandoned_jobs).where(any_of(abandoned_jobs.c.job_id, "job_ids")))
_NOTED = Statement(
    select(abandoned_jobs.c.job_id).where(any_of(abandoned_jobs.c.job_id, "job_ids"))
)
_DUE = Statement(
    select(abandoned_jobs.c.job_id)
    .where(abandoned_jobs.c.due_at < DatabaseAgo(0))
    .order_by(abandoned_jobs.c.due_at)
    .limit(bindparam("limit", type_=Integer))
)
_TAKE_DUE = Statement(
    delete(abandoned_jobs)
    .where(any_of(abandoned_jobs.c.job_id, "job_ids"), abandoned_jobs.c.due_at < DatabaseAgo(0))
    .returning(abandoned_jobs.c.job_id)
)


async def note_abandoned(connection: Connection, job_id: str) -> None:
    """Note that nobody waits for a job any more, unless it has ended."""
    await forget_abandoned(connection, [job_id])
    await connection.run_many(_NOTE, [{"by_id": job_id}])


async def forget_abandoned(connection: Connection, job_ids: Collection[str]) -> None:
    """Forget that nobody waits for jobs: somebody does, or they have ended."""
    await connection.fetch(_FORGET, job_ids=sorted(job_ids))


async def noted_as_abandoned(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Return those of some jobs that are noted."""
    rows = await connection.fetch(_NOTED, job_ids=sorted(job_ids))
    return {row.job_id for row in rows}


async def due_jobs(connection: Connection, limit: int) -> Sequence[str]:
    """Return jobs whose clients have been gone for long enough."""
    return [row.job_id for row in await connection.fetch(_DUE, limit=limit)]


async def take_due(connection: Connection, job_ids: Collection[str]) -> list[str]:
    """Return those of some jobs whose clients have not come back meanwhile, and forget them."""
    rows = await connection.fetch(_TAKE_DUE, job_ids=sorted(job_ids))
    return sorted(row.job_id for row in rows)
