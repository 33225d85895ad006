"""What is asked about jobs, for those who show them: nothing here changes a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from dalston.common.models import Failure, Job, JobStatus, Part, Retention, Task, TaskStatus
from dalston.db.compiled import reading as sql
from dalston.db.statements import Connection, Row

_OWN_JOB_FIELDS = [name for name in Job.__struct_fields__ if name != "error"]
_OWN_TASK_FIELDS = [name for name in Task.__struct_fields__ if name != "error"]


class HistoryRow(msgspec.Struct, frozen=True):
    """One transition. Times are in UTC; `task_id` is None for the job's own."""

    at: datetime
    task_id: str | None
    from_status: str | None
    to_status: str
    why: str
    attempt: int | None
    instance: str | None


async def find_job(connection: Connection, job_id: str) -> Job | None:
    """Return a job, or None if there is none or it was deleted."""
    found = await find_jobs(connection, [job_id])
    return found[0] if found else None


async def find_jobs(connection: Connection, job_ids: Sequence[str]) -> list[Job]:
    """Return those of some jobs that are there, oldest first."""
    return [job_of(row) for row in await connection.fetch(sql.FIND_JOBS, job_ids=job_ids)]


async def owned_jobs(
    connection: Connection, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Job]:
    """Return jobs by owner and id; one that is somebody else's is as good as none.

    Args:
        connection: Of the database.
        wanted: Owner and id of each.
    """
    rows = await connection.fetch(
        sql.OWNED_JOBS,
        owners=sorted({owner for owner, _ in wanted}),
        job_ids=sorted({job_id for _, job_id in wanted}),
    )
    found = {(row.owner, row.id): job_of(row) for row in rows}
    return {name: found[name] for name in wanted if name in found}


async def statuses_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobStatus]:
    """Return the status of those of some jobs that are there."""
    rows = await connection.fetch(sql.STATUSES, job_ids=job_ids)
    return {row.id: JobStatus(row.status) for row in rows}


async def finished_chunks(connection: Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """Return how many tasks on chunks are completed, of jobs that have any."""
    rows = await connection.fetch(sql.FINISHED_CHUNKS, job_ids=job_ids)
    return {row.job_id: int(row.finished) for row in rows}


async def taken_job_ids(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Return those of some ids that are in use, also by a deleted job."""
    return {row.id for row in await connection.fetch(sql.TAKEN_IDS, job_ids=job_ids)}


async def list_jobs(
    connection: Connection,
    *,
    owner: str,
    limit: int,
    status: JobStatus | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[Job]:
    """Return an owner's jobs, newest first.

    Args:
        connection: Of the database.
        owner: Whose.
        limit: How many at most.
        status: Only those.
        after: Creation time and id of the last job of the page before.
    """
    created_at, job_id = (None, None) if after is None else after
    rows = await connection.fetch(
        sql.LIST[status is not None, after is not None],
        owner=owner,
        limit=limit,
        status=status,
        created_at=created_at,
        job_id=job_id,
    )
    return [job_of(row) for row in rows]


async def tasks_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[Task]]:
    """Return each job's tasks in the order in which they can be done."""
    rows = await connection.fetch(sql.TASKS, job_ids=job_ids)
    return _ordered(job_ids, rows, await connection.fetch(sql.EDGES, job_ids=job_ids))


async def tasks_without_chunks(
    connection: Connection, job_ids: Sequence[str]
) -> dict[str, list[Task]]:
    """Return each job's tasks but for those on chunks, in the same order.

    Of a long recording those are hundreds.
    """
    # The first chunk's are read, too: who comes after chunks comes after these.
    rows = await connection.fetch(sql.WITHOUT_CHUNKS, job_ids=job_ids)
    edges = await connection.fetch(sql.EDGES_WITHOUT_CHUNKS, job_ids=job_ids)
    found = _ordered(job_ids, rows, edges)
    return {
        job_id: [task for task in own_tasks if task.part is None]
        for job_id, own_tasks in found.items()
    }


def _ordered(
    job_ids: Sequence[str], rows: Sequence[Row], edges: Sequence[Row]
) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = {job_id: [] for job_id in job_ids}
    after: dict[str, set[str]] = {}
    for row in rows:
        found[row.job_id].append(_task_of(row))
        if row.audio_from is not None:
            # A task on a chunk doesn't wait for the one that cuts.
            after[row.id] = {row.audio_from}
    for edge in edges:
        after.setdefault(edge.task_id, set()).add(edge.after_id)
    return {job_id: _in_order(own_tasks, after) for job_id, own_tasks in found.items()}


async def edges_of(connection: Connection, job_id: str) -> list[tuple[str, str]]:
    """Return which task of a job needs which one: its output, or the audio that it makes.

    A task on a chunk doesn't wait for the task that cuts, but is of no use without it.
    """
    rows = await connection.fetch(sql.EDGES, job_ids=[job_id])
    sources = await connection.fetch(sql.AUDIO_FROM, job_ids=[job_id])
    return [(row.task_id, row.after_id) for row in rows] + [
        (row.id, row.audio_from) for row in sources
    ]


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


async def history_of(connection: Connection, job_id: str) -> list[HistoryRow]:
    """Return what happened to a job and its tasks, in order."""
    return [HistoryRow(*row) for row in await connection.fetch(sql.HISTORY, job_id=job_id)]


def job_of(row: Row) -> Job:
    """Return the job that a row with `JOB_COLUMNS` holds."""
    values = {name: getattr(row, name) for name in _OWN_JOB_FIELDS}
    values["status"] = JobStatus(values["status"])
    if values["retention"] is not None:
        values["retention"] = Retention(values["retention"])
    return Job(**values, error=failure_of(row))


def _task_of(row: Row) -> Task:
    values = {name: getattr(row, name) for name in _OWN_TASK_FIELDS}
    values["status"] = TaskStatus(values["status"])
    values["optional"], values["expands"] = bool(row.optional), bool(row.expands)
    values["part"] = None if row.part is None else msgspec.convert(row.part, Part)
    return Task(**values, error=failure_of(row))


def failure_of(row: Row) -> Failure | None:
    """Return the reason that a row holds, if it does."""
    if row.error_code is None:
        return None
    return Failure(code=row.error_code, message=row.error_message or "")
