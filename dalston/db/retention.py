"""What housekeeping asks: whose time is over, and which objects belong to something."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dalston.common.models import TERMINAL_JOB, JobStatus, Retention
from dalston.db.compiled import retention as sql
from dalston.db.statements import Connection
from dalston.db.versions import versions_of


class KnownJob(msgspec.Struct, frozen=True):
    """What housekeeping must know of a job; `ended` also if it was deleted."""

    ended: bool
    deleted: bool
    audio_deleted: bool


async def jobs_over(
    connection: Connection, wanted: Retention, default: tuple[Retention, float], limit: int
) -> dict[str, int]:
    """Return the jobs that ended so long ago that something of them is to be deleted.

    And how often each of them had been resumed when it did.

    Args:
        connection: Of the database.
        wanted: What is to be deleted.
        default: That, and after how many days, of jobs that don't say so themselves.
        limit: How many at most.
    """
    statement = sql.OVER_ALL if wanted is Retention.DELETE_ALL else sql.OVER_AUDIO
    rows = await connection.fetch(
        statement,
        wanted=wanted.value,
        default=default[0].value,
        default_days=default[1],
        limit=limit,
    )
    return {row.id: row.resumed for row in rows}


async def known_jobs(connection: Connection, job_ids: Sequence[str]) -> dict[str, KnownJob]:
    """Return those of some jobs that have a row, also if they were deleted."""
    rows = await connection.fetch(sql.KNOWN, job_ids=job_ids)
    return {
        row.id: KnownJob(
            ended=JobStatus(row.status) in TERMINAL_JOB,
            deleted=row.deleted_at is not None,
            audio_deleted=row.audio_deleted_at is not None,
        )
        for row in rows
    }


async def outputs_that_count(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Return the object paths of all outputs that some jobs point at, in any of their versions."""
    rows = await connection.fetch(sql.OUTPUTS, job_ids=job_ids)
    earlier = await versions_of(connection, list(job_ids))
    old = {task.output_path for version in earlier for task in version.tasks}
    return {row.output_path for row in rows} | {path for path in old if path is not None}
