"""The history of jobs and tasks: one row for each transition, in the transition's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.messages import Attempt
from dalston.common.models import JobStatus, TaskStatus
from dalston.db.tables import DatabaseNow, history

_INSERT_ROWS = 2000
"""Rows that one statement carries at most."""

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
        "why": why,
        "attempt": None,
        "instance": None,
    }


async def record(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Append entries to the history."""
    await insert_many(connection, history, entries, at=DatabaseNow())


async def insert_many(
    connection: AsyncConnection, table: Table, rows: Sequence[Entry], **shared: object
) -> None:
    """Insert rows in statements of a bounded size.

    Args:
        connection: An open write transaction.
        table: Where to.
        rows: Column values, the same columns in each.
        shared: Column values that are the same for all rows.
    """
    statement = insert(table).values(**shared) if shared else insert(table)
    for start in range(0, len(rows), _INSERT_ROWS):
        await connection.execute(statement, list(rows[start : start + _INSERT_ROWS]))
