"""The history of jobs and tasks: one row for each transition, in the transition's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dalston.common.messages import Attempt
from dalston.common.models import JobStatus, TaskStatus, clean_text
from dalston.db.compiled import journal as sql
from dalston.db.statements import Connection

Entry = dict[str, Any]


def job_entry(job_id: str, before: JobStatus | None, after: JobStatus, why: str) -> Entry:
    """Say that a job's status changed, and why."""
    return _entry(job_id, None, before, after, why)


def task_entry(
    job_id: str, task_id: str, before: TaskStatus | None, after: TaskStatus, why: str
) -> Entry:
    """Say that a task's status changed without an engine's doing, and why."""
    return _entry(job_id, task_id, before, after, why)


def attempt_entry(attempt: Attempt, before: TaskStatus, after: TaskStatus, why: str) -> Entry:
    """Say that an attempt changed its task's status, and why."""
    entry = _entry(attempt.job_id, attempt.task_id, before, after, why)
    return entry | {"attempt": attempt.hand_out, "instance": attempt.instance}


def _entry(
    job_id: str,
    task_id: str | None,
    before: JobStatus | TaskStatus | None,
    after: JobStatus | TaskStatus,
    why: str,
) -> Entry:
    return {
        "job_id": job_id,
        "task_id": task_id,
        "from_status": None if before is None else before.value,
        "to_status": after.value,
        "why": clean_text(why),
        "attempt": None,
        "instance": None,
    }


async def note(connection: Connection, job_id: str, task_id: str | None, why: str) -> None:
    """Say once what happens to a job and changes no status; nothing, if the job isn't there."""
    row = await connection.fetch_one(sql.STATUS, job_id=job_id)
    said = await connection.fetch_one(sql.SAID, job_id=job_id, why=clean_text(why))
    if row is not None and said is None:
        now = JobStatus(row.status)
        record(connection, [_entry(job_id, task_id, now, now, why)])


def record(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries to the history, at the end of the transaction."""
    connection.defer(sql.APPEND, entries)
