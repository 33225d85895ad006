"""Transcripts that stand in their tasks' rows, and the objects that they get as well."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dalston.common.models import TERMINAL_JOB, JobStatus
from dalston.common.storage import transcript_path
from dalston.db.compiled import transcripts as sql
from dalston.db.statements import Connection


async def small_transcripts(connection: Connection, job_ids: Sequence[str]) -> dict[str, str]:
    """Return the transcripts, as JSON, of those of some jobs whose rows have them."""
    rows = await connection.fetch(sql.OF_JOBS, job_ids=job_ids)
    return {row.job_id: row.output for row in rows}


class Transcript(msgspec.Struct, frozen=True):
    """The transcript that a job has now.

    Attributes:
        version: Which of the job's results it is.
        text: As JSON, if its task's row has it.
        path: The object that has it otherwise.
    """

    job_id: str
    version: int
    text: str | None = None
    path: str | None = None


async def transcripts_without_object(
    connection: Connection, seconds: float, limit: int
) -> list[Transcript]:
    """Return transcripts that only their rows have.

    Args:
        connection: Of the database.
        seconds: For how long their jobs have been completed at least.
        limit: How many at most.
    """
    rows = await connection.fetch(sql.WITHOUT_OBJECT, seconds=seconds, limit=limit)
    return [Transcript(row.job_id, row.version, row.output) for row in rows]


async def present_transcripts(
    connection: Connection, job_ids: Sequence[str]
) -> tuple[list[Transcript], set[str]]:
    """Return the transcripts of those of some jobs that are completed, and the ids of live ones."""
    rows = await connection.fetch(sql.PRESENT, job_ids=job_ids)
    completed = [
        Transcript(row.id, row.version, row.output, row.output_path)
        for row in rows
        if row.status == JobStatus.COMPLETED.value
    ]
    live = {row.id for row in rows if JobStatus(row.status) not in TERMINAL_JOB}
    return completed, live


async def note_transcript_objects(connection: Connection, put: Sequence[Transcript]) -> list[str]:
    """Say of completed jobs that their transcript has an object now.

    Returns:
        The jobs that have another version than the one that was put.
    """
    rows = [
        {"by_id": one.job_id, "by_version": one.version, "by_path": transcript_path(one.job_id)}
        for one in sorted(put, key=lambda one: one.job_id)
        if one.text is not None
    ]
    await connection.run_many(sql.HAS_OBJECT, rows)
    now = await connection.fetch(sql.PRESENT, job_ids=[one.job_id for one in put])
    versions = {one.job_id: one.version for one in put}
    return [row.id for row in now if row.version != versions[row.id]]
