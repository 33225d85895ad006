"""What housekeeping asks."""

from __future__ import annotations

from sqlalchemy import Float, Integer, String, bindparam, func, select

from dalston.common.models import TERMINAL_JOB
from dalston.db.definitions.conditions import any_of, one_of
from dalston.db.definitions.tables import DatabaseAgo, jobs, tasks

_DAY = 86400.0
_ENDED = one_of(jobs.c.status, sorted(TERMINAL_JOB))
_DAYS = func.coalesce(jobs.c.retention_days, bindparam("default_days", type_=Float))
_OVER = (
    select(jobs.c.id, jobs.c.resumed)
    .where(
        _ENDED,
        jobs.c.deleted_at.is_(None),
        func.coalesce(jobs.c.retention, bindparam("default", type_=String))
        == bindparam("wanted", type_=String),
        jobs.c.completed_at <= DatabaseAgo(_DAYS * _DAY),
    )
    .order_by(jobs.c.completed_at)
    .limit(bindparam("limit", type_=Integer))
)
OVER_ALL = _OVER
OVER_AUDIO = _OVER.where(jobs.c.audio_deleted_at.is_(None))
KNOWN = select(jobs.c.id, jobs.c.status, jobs.c.deleted_at, jobs.c.audio_deleted_at).where(
    any_of(jobs.c.id, "job_ids")
)
OUTPUTS = select(tasks.c.output_path).where(
    any_of(tasks.c.job_id, "job_ids"), tasks.c.output_path.is_not(None)
)
