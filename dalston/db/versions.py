"""The results that a job has had before its present one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from dalston.common.models import Failure, JobStatus, Task
from dalston.db.compiled import versions as sql
from dalston.db.reading import failure_of
from dalston.db.statements import Connection, Row


class Version(msgspec.Struct, frozen=True):
    """One result of a job, or how it failed, as it was before a rerun.

    Attributes:
        rerun: What it was asked for with, unless it is the first.
        tasks: All tasks as they were.
        transcript: As JSON, if it was small enough to stand in its task's row.
        transcript_path: The object that has it otherwise.
    """

    job_id: str
    version: int
    status: JobStatus
    parameters: dict[str, Any]
    rerun: dict[str, Any] | None
    tasks: list[Task]
    transcript: str | None
    transcript_path: str | None
    started_at: datetime | None
    completed_at: datetime | None
    error: Failure | None


async def versions_of(connection: Connection, job_ids: list[str]) -> list[Version]:
    """Return the earlier versions of some jobs, oldest first."""
    return [_version(row) for row in await connection.fetch(sql.OF_JOBS, job_ids=job_ids)]


def _version(row: Row) -> Version:
    return Version(
        job_id=row.job_id,
        version=row.version,
        status=JobStatus(row.status),
        parameters=row.parameters,
        rerun=row.rerun,
        tasks=msgspec.convert(row.tasks, list[Task]),
        transcript=row.transcript,
        transcript_path=row.transcript_path,
        started_at=row.started_at,
        completed_at=row.completed_at,
        error=failure_of(row),
    )
