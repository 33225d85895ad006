"""What is asked about jobs by those who show them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, tuple_

from dalston.common.models import Job, Task, TaskStatus
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import UTCDateTime, edges, history, jobs, tasks

_OWN_JOB_FIELDS = [name for name in Job.__struct_fields__ if name != "error"]
_OWN_TASK_FIELDS = [name for name in Task.__struct_fields__ if name != "error"]
JOB_COLUMNS = [jobs.c[name] for name in (*_OWN_JOB_FIELDS, "error_code", "error_message")]
"""What `job_of` needs."""
_TASK_COLUMNS = [tasks.c[name] for name in (*_OWN_TASK_FIELDS, "error_code", "error_message")]
FIND_JOBS = (
    select(*JOB_COLUMNS)
    .where(any_of(jobs.c.id, "job_ids"), jobs.c.deleted_at.is_(None))
    .order_by(jobs.c.created_at, jobs.c.id)
)
OWNED_JOBS = select(*JOB_COLUMNS).where(
    any_of(jobs.c.id, "job_ids"), any_of(jobs.c.owner, "owners"), jobs.c.deleted_at.is_(None)
)
STATUSES = select(jobs.c.id, jobs.c.status).where(
    any_of(jobs.c.id, "job_ids"), jobs.c.deleted_at.is_(None)
)
FINISHED_CHUNKS = (
    select(tasks.c.job_id, func.count().label("finished"))
    .where(
        any_of(tasks.c.job_id, "job_ids"),
        tasks.c.part.is_not(None),
        tasks.c.status == TaskStatus.COMPLETED.value,
    )
    .group_by(tasks.c.job_id)
)
TAKEN_IDS = select(jobs.c.id).where(any_of(jobs.c.id, "job_ids"))
TASKS = (
    select(*_TASK_COLUMNS, tasks.c.audio_from)
    .where(any_of(tasks.c.job_id, "job_ids"))
    .order_by(tasks.c.index)
)
WITHOUT_CHUNKS = (
    select(*_TASK_COLUMNS, tasks.c.audio_from)
    .where(any_of(tasks.c.job_id, "job_ids"), tasks.c.index == 0)
    .order_by(tasks.c.index)
)
_earlier = tasks.alias("earlier")
EDGES_WITHOUT_CHUNKS = (
    select(edges.c.task_id, edges.c.after_id)
    .join(tasks, tasks.c.id == edges.c.task_id)
    .join(_earlier, _earlier.c.id == edges.c.after_id)
    .where(any_of(tasks.c.job_id, "job_ids"), tasks.c.index == 0, _earlier.c.index == 0)
)
EDGES = (
    select(edges.c.task_id, edges.c.after_id)
    .join(tasks, tasks.c.id == edges.c.task_id)
    .where(any_of(tasks.c.job_id, "job_ids"))
)
AUDIO_FROM = select(tasks.c.id, tasks.c.audio_from).where(
    any_of(tasks.c.job_id, "job_ids"), tasks.c.audio_from.is_not(None)
)
_HISTORY_COLUMNS = "at task_id from_status to_status why attempt instance"
HISTORY = (
    select(*(history.c[name] for name in _HISTORY_COLUMNS.split()))
    .where(history.c.job_id == bindparam("job_id"))
    .order_by(history.c.id)
)


def _list(*, of_status: bool, further: bool) -> Select[*tuple[Any, ...]]:
    conditions: list[ColumnElement[bool]] = [
        jobs.c.owner == bindparam("owner"),
        jobs.c.deleted_at.is_(None),
    ]
    if of_status:
        conditions.append(jobs.c.status == bindparam("status"))
    if further:
        # One comparison, so that the index is entered at this place. With an "or" of two it would
        # be read from its beginning, for each page.
        last = tuple_(
            bindparam("created_at", type_=UTCDateTime), bindparam("job_id", type_=jobs.c.id.type)
        )
        conditions.append(tuple_(jobs.c.created_at, jobs.c.id) < last)
    return (
        select(*JOB_COLUMNS)
        .where(*conditions)
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


LIST = {
    (of_status, further): _list(of_status=of_status, further=further)
    for of_status in (False, True)
    for further in (False, True)
}
