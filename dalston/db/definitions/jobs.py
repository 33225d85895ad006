"""The transitions of jobs and tasks.

`planned.py`, `reopening.py` and `overdue.py` hold others. Each update repeats the expected state in
its WHERE: the second of a transition's two guards.
"""

from __future__ import annotations

from sqlalchemy import Float, Update, bindparam, func, insert, select, update

from dalston.common.models import LIVE_JOB, Cause, JobStatus, TaskStatus
from dalston.db.definitions.conditions import any_of, one_of
from dalston.db.definitions.parameters import BIND, ERROR, NO_ERROR, given
from dalston.db.definitions.tables import DatabaseAgo, DatabaseLater, DatabaseNow, jobs, tasks

_LIVE_TASK = (TaskStatus.PENDING, TaskStatus.READY, TaskStatus.RUNNING)
_LIVE_JOB = tuple(sorted(LIVE_JOB))
_HANDED_OUT = (TaskStatus.READY, TaskStatus.RUNNING)
_COUNTERS = {Cause.RETRY: ["failures"], Cause.LOST: ["losses"], Cause.RESTART: ["restarts"]}


def _task_update(after: TaskStatus, *before: TaskStatus) -> Update:
    return (
        update(tasks)
        .where(
            tasks.c.id == bindparam("by_id"),
            tasks.c.hand_out == bindparam("by_hand_out"),
            one_of(tasks.c.status, before),
        )
        .values(status=after.value)
    )


def _end_job(after: JobStatus, *before: JobStatus) -> Update:
    return (
        update(jobs)
        .where(jobs.c.id == bindparam("by_id"), one_of(jobs.c.status, before))
        .values(status=after.value, completed_at=DatabaseNow(), deadline_at=None)
    )


_moment = select(DatabaseNow().label("now")).subquery("moment")
# One row for each id that is taken, or one without an id.
NOW_AND_TAKEN = select(_moment.c.now, jobs.c.id).select_from(
    _moment.outerjoin(jobs, any_of(jobs.c.id, "job_ids"))
)
_JOB_VALUES = (
    "id owner pipeline parameters filename audio_path audio_bytes created_at deadline_seconds "
    "retention retention_days callback_url"
)
NEW_JOB = insert(jobs).values(
    **given(jobs, _JOB_VALUES),
    status=JobStatus.PENDING.value,
    deadline_at=DatabaseLater(bindparam("until_seconds", type_=Float)),
)
START_JOB = (
    update(jobs)
    .where(jobs.c.id == bindparam("by_id"), jobs.c.status == JobStatus.PENDING.value)
    .values(status=JobStatus.RUNNING.value, started_at=DatabaseNow())
)
START = _task_update(TaskStatus.RUNNING, TaskStatus.READY).values(
    **BIND, **NO_ERROR, started_at=DatabaseNow()
)
_BEGAN = func.coalesce(tasks.c.started_at, DatabaseAgo(bindparam("by_seconds", type_=Float)))
COMPLETE = _task_update(TaskStatus.COMPLETED, *_HANDED_OUT).values(
    **BIND,
    **NO_ERROR,
    output_path=bindparam("by_output"),
    output=bindparam("by_small"),
    started_at=_BEGAN,
    completed_at=DatabaseNow(),
)
FAIL = _task_update(TaskStatus.FAILED, *_HANDED_OUT).values(
    **BIND, **ERROR, completed_at=DatabaseNow()
)
RETURN = {
    cause.value: _task_update(TaskStatus.READY, *_HANDED_OUT).values(
        **(NO_ERROR if cause is Cause.RELEASED else ERROR),
        hand_out=tasks.c.hand_out + 1,
        token=None,
        instance=None,
        started_at=None,
        not_before=DatabaseLater(bindparam("by_pause", type_=Float)),
        **{name: tasks.c[name] + 1 for name in _COUNTERS.get(cause, ())},
    )
    for cause in Cause
}
READY = (
    update(tasks)
    .where(tasks.c.id == bindparam("by_id"), tasks.c.status == TaskStatus.PENDING.value)
    .values(status=TaskStatus.READY.value, rank=bindparam("by_rank"))
)
COMPLETE_JOB = _end_job(JobStatus.COMPLETED, JobStatus.RUNNING).values(
    transcript_path=bindparam("by_transcript")
)
FAIL_JOB = _end_job(JobStatus.FAILED, *_LIVE_JOB).values(**ERROR)
CANCEL_JOB = _end_job(JobStatus.CANCELLED, *_LIVE_JOB)
_OF_LIVE_TASKS = (any_of(tasks.c.job_id, "job_ids"), one_of(tasks.c.status, _LIVE_TASK))
LIVE_TASKS = select(tasks.c.id, tasks.c.job_id, tasks.c.status).where(*_OF_LIVE_TASKS)
CANCEL_TASKS = (
    update(tasks)
    .where(*_OF_LIVE_TASKS)
    .values(status=TaskStatus.CANCELLED.value, completed_at=DatabaseNow())
)
