"""Transcripts that stand in their tasks' rows."""

from __future__ import annotations

from sqlalchemy import Float, Integer, and_, bindparam, literal_column, select, update

from dalston.common.models import JobStatus
from dalston.db.definitions.conditions import any_of, true_of_most
from dalston.db.definitions.tables import DatabaseAgo, jobs, tasks

_BEFORE_ALL = 2_000_000_000
"""Seconds: there was no job so long ago."""
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
        # For SQLite, which doesn't take a parameter for what an index of some rows says, and takes
        # one bound of an index that it knows nothing of for half of the table.
        true_of_most(jobs.c.status == literal_column(f"'{JobStatus.COMPLETED.value}'")),
        jobs.c.completed_at > DatabaseAgo(_BEFORE_ALL),
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
