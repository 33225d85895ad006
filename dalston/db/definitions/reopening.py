"""Jobs that go on after their end."""

from __future__ import annotations

from sqlalchemy import Float, bindparam, delete, insert, select, update

from dalston.common.models import TERMINAL_JOB, JobStatus
from dalston.db.definitions.conditions import any_of, one_of
from dalston.db.definitions.parameters import NO_ERROR, given
from dalston.db.definitions.tables import DatabaseLater, edges, jobs, tasks, versions

_VERSION_VALUES = (
    "job_id version status parameters rerun tasks transcript transcript_path error_code "
    "error_message started_at completed_at"
)
NEW_VERSION = insert(versions).values(**given(versions, _VERSION_VALUES))
SMALL_TRANSCRIPT = select(tasks.c.output).where(
    tasks.c.job_id == bindparam("job_id"), tasks.c.final == 1
)
DROP = [
    delete(edges).where(any_of(edges.c.task_id, "task_ids")),
    delete(edges).where(any_of(edges.c.after_id, "task_ids")),
    delete(tasks).where(any_of(tasks.c.id, "task_ids")),
]
# What was the last stage may have another one behind it now.
NOT_FINAL = (
    update(tasks).where(tasks.c.job_id == bindparam("by_job"), tasks.c.final == 1).values(final=0)
)
_AGAIN = (
    update(jobs)
    .where(jobs.c.id == bindparam("by_id"), one_of(jobs.c.status, sorted(TERMINAL_JOB)))
    .values(
        **NO_ERROR,
        status=JobStatus.PENDING.value,
        resumed=jobs.c.resumed + 1,
        started_at=None,
        completed_at=None,
        deadline_at=DatabaseLater(bindparam("by_deadline", type_=Float)),
    )
)
RETRY = _AGAIN
RERUN = _AGAIN.values(
    version=jobs.c.version + 1,
    transcript_path=None,
    parameters=bindparam("by_parameters", type_=jobs.c.parameters.type),
    rerun=bindparam("by_rerun", type_=jobs.c.rerun.type),
)
