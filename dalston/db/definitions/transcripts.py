"""Transcripts that stand in their tasks' rows."""

from __future__ import annotations

from sqlalchemy import Float, Integer, and_, bindparam, select, update

from dalston.common.models import JobStatus
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import DatabaseAgo, jobs, tasks

_IN_ROWS = select(tasks.c.job_id, tasks.c.output).where(
    tasks.c.final == 1, tasks.c.output.is_not(None)
)
PRESENT = (
    select(jobs.c.id, jobs.c.version, jobs.c.status, tasks.c.output, tasks.c.output_path)
    .outerjoin(tasks, and_(tasks.c.job_id == jobs.c.id, tasks.c.final == 1))
    .where(any_of(jobs.c.id, "job_ids"), jobs.c.deleted_at.is_(None))
)
OF_JOBS = _IN_ROWS.where(any_of(tasks.c.job_id, "job_ids"))
WITHOUT_OBJECT = (
    _IN_ROWS.add_columns(jobs.c.version)
    .join(jobs, jobs.c.id == tasks.c.job_id)
    .where(
        jobs.c.status == JobStatus.COMPLETED.value,
        jobs.c.transcript_path.is_(None),
        jobs.c.deleted_at.is_(None),
        jobs.c.completed_at < DatabaseAgo(bindparam("seconds", type_=Float)),
    )
    .limit(bindparam("limit", type_=Integer))
)
HAS_OBJECT = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("by_id"),
        jobs.c.version == bindparam("by_version"),
        jobs.c.status == JobStatus.COMPLETED.value,
        jobs.c.transcript_path.is_(None),
    )
    .values(transcript_path=bindparam("by_path"))
)
