"""Jobs whose clients have gone away."""

from __future__ import annotations

from sqlalchemy import Integer, String, bindparam, delete, insert, literal, select

from dalston.common.models import LIVE_JOB
from dalston.db.definitions.conditions import any_of, one_of
from dalston.db.definitions.tables import DatabaseAgo, DatabaseLater, abandoned_jobs, jobs

GRACE_SECONDS = 60.0
"""How long a client that has gone away has to come back."""
_JOB_ID = bindparam("by_id", type_=String)
NOTE = insert(abandoned_jobs).from_select(
    ["job_id", "due_at"],
    select(jobs.c.id, DatabaseLater(literal(GRACE_SECONDS))).where(
        jobs.c.id == _JOB_ID,
        one_of(jobs.c.status, sorted(LIVE_JOB)),
        jobs.c.deleted_at.is_(None),
    ),
)
FORGET = delete(abandoned_jobs).where(any_of(abandoned_jobs.c.job_id, "job_ids"))
NOTED = select(abandoned_jobs.c.job_id).where(any_of(abandoned_jobs.c.job_id, "job_ids"))
DUE = (
    select(abandoned_jobs.c.job_id)
    .where(abandoned_jobs.c.due_at < DatabaseAgo(0))
    .order_by(abandoned_jobs.c.due_at)
    .limit(bindparam("limit", type_=Integer))
)
TAKE_DUE = (
    delete(abandoned_jobs)
    .where(any_of(abandoned_jobs.c.job_id, "job_ids"), abandoned_jobs.c.due_at < DatabaseAgo(0))
    .returning(abandoned_jobs.c.job_id)
)
