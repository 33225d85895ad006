"""What is asked about jobs, for those who show them: nothing here changes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.models import Failure, Job, JobStatus, Task, TaskStatus
from dalston.db.tables import edges, history, jobs, tasks

_JOB_COLUMNS = [
    jobs.c[name] for name in (*(field for field in Job.__struct_fields__ if field != "error"),)
] + [jobs.c.error_code, jobs.c.error_message]
_TASK_COLUMNS = [
    tasks.c[name] for name in (*(field for field in Task.__struct_fields__ if field != "error"),)
] + [tasks.c.error_code, tasks.c.error_message]


class HistoryRow(msgspec.Struct, frozen=True):
    """One transition. Times are in UTC; `task_id` is None for the job's own."""

    at: datetime
    task_id: str | None
    from_status: str | None
    to_status: str
    why: str
    attempt: int | None
    instance: str | None


async def find_job(connection: AsyncConnection, job_id: str) -> Job | None:
    """Return a job, or None if there is none or it was deleted."""
    found = await find_jobs(connection, [job_id])
    return found[0] if found else None


async def find_jobs(connection: AsyncConnection, job_ids: Sequence[str]) -> list[Job]:
    """Return those of some jobs that are there, oldest first."""
    query = (
        select(*_JOB_COLUMNS)
        .where(jobs.c.id.in_(job_ids), jobs.c.deleted_at.is_(None))
        .order_by(jobs.c.created_at, jobs.c.id)
    )
    return [_job(row) for row in (await connection.execute(query)).mappings()]


async def job_id_taken(connection: AsyncConnection, job_id: str) -> bool:
    """Tell whether an id is in use, also by a deleted job."""
    query = select(jobs.c.id).where(jobs.c.id == job_id)
    return (await connection.execute(query)).first() is not None


async def list_jobs(
    connection: AsyncConnection,
    *,
    limit: int,
    status: JobStatus | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[Job]:
    """Return jobs, newest first.

    Args:
        connection: An open transaction.
        limit: How many at most.
        status: Only those.
        after: Creation time and id of the last job of the page before.
    """
    conditions: list[ColumnElement[bool]] = [jobs.c.deleted_at.is_(None)]
    if status is not None:
        conditions.append(jobs.c.status == status.value)
    if after is not None:
        created_at, job_id = after
        same_moment = and_(jobs.c.created_at == created_at, jobs.c.id < job_id)
        conditions.append(or_(jobs.c.created_at < created_at, same_moment))
    query = (
        select(*_JOB_COLUMNS)
        .where(*conditions)
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(limit)
    )
    return [_job(row) for row in (await connection.execute(query)).mappings()]


async def tasks_of(connection: AsyncConnection, job_ids: Sequence[str]) -> dict[str, list[Task]]:
    """Return each job's tasks in the order in which they can be done."""
    found: dict[str, list[Task]] = {job_id: [] for job_id in job_ids}
    query = select(*_TASK_COLUMNS).where(tasks.c.job_id.in_(job_ids)).order_by(tasks.c.index)
    for row in (await connection.execute(query)).mappings():
        found[row["job_id"]].append(_task(row))
    after: dict[str, set[str]] = {}
    own = select(tasks.c.id).where(tasks.c.job_id.in_(job_ids))
    edge_query = select(edges.c.task_id, edges.c.after_id).where(edges.c.task_id.in_(own))
    for edge in (await connection.execute(edge_query)).all():
        after.setdefault(edge.task_id, set()).add(edge.after_id)
    return {job_id: _in_order(own_tasks, after) for job_id, own_tasks in found.items()}


def _in_order(own_tasks: list[Task], after: Mapping[str, set[str]]) -> list[Task]:
    ordered: list[Task] = []
    placed: set[str] = set()
    waiting = list(own_tasks)
    while waiting:
        free = [task for task in waiting if after.get(task.id, set()) <= placed]
        ordered += free
        placed |= {task.id for task in free}
        waiting = [task for task in waiting if task.id not in placed] if free else []
    return ordered


async def history_of(connection: AsyncConnection, job_id: str) -> list[HistoryRow]:
    """Return what happened to a job and its tasks, in order."""
    columns = [history.c[name] for name in HistoryRow.__struct_fields__]
    query = select(*columns).where(history.c.job_id == job_id).order_by(history.c.id)
    rows = (await connection.execute(query)).mappings()
    return [HistoryRow(**row) for row in rows]


def _job(row: Mapping[Any, Any]) -> Job:
    values = {name: row[name] for name in Job.__struct_fields__ if name != "error"}
    values["status"] = JobStatus(values["status"])
    return Job(**values, error=_failure(row))


def _task(row: Mapping[Any, Any]) -> Task:
    values = {name: row[name] for name in Task.__struct_fields__ if name != "error"}
    values["status"] = TaskStatus(values["status"])
    return Task(**values, error=_failure(row))


def _failure(row: Mapping[Any, Any]) -> Failure | None:
    if row["error_code"] is None:
        return None
    return Failure(code=row["error_code"], message=row["error_message"] or "")
