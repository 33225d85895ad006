"""What the orchestrator asks before it acts: what waits, what runs, what was overlooked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from dalston.common.messages import Attempt
from dalston.common.models import Part
from dalston.common.stages import Form
from dalston.db.compiled import work as sql
from dalston.db.statements import Connection, Row


class RunningTask(msgspec.Struct, frozen=True):
    """A row that says that an engine works on it."""

    attempt: Attempt
    engine_id: str
    final: bool
    expands: bool
    started_at: datetime


async def pending_jobs(
    connection: Connection, known: Collection[str], limit: int, *, fetches: bool
) -> list[tuple[str, bool]]:
    """Return the oldest jobs that have to be planned, and whether they had ended before.

    Args:
        connection: Of the database.
        known: Names of the pipelines that are asked about.
        limit: How many at most.
        fetches: Whether also those whose recordings are to be fetched are asked about.
    """
    rows = await connection.fetch(
        sql.PENDING_JOBS, known=sorted(known), fetches=fetches, limit=limit
    )
    return [(row.id, row.resumed > 0) for row in rows]


async def running_tasks(
    connection: Connection, *, instance_prefix: str | None = None
) -> list[RunningTask]:
    """Return all tasks that an engine works on; there are no more than engines have slots.

    Args:
        connection: Of the database.
        instance_prefix: Only those of the engine instances whose name begins so.
    """
    if instance_prefix is None:
        rows = await connection.fetch(sql.ALL_RUNNING)
    else:
        rows = await connection.fetch(sql.RUNNING_OF, prefix=instance_prefix)
        # A prefix may hold what LIKE takes for a placeholder.
        rows = [row for row in rows if row.instance.startswith(instance_prefix)]
    return [
        RunningTask(
            attempt=Attempt(
                job_id=row.job_id,
                task_id=row.id,
                hand_out=row.hand_out,
                token=row.token,
                instance=row.instance,
            ),
            engine_id=row.engine_id,
            final=bool(row.final),
            expands=bool(row.expands),
            started_at=row.started_at,
        )
        for row in rows
    ]


async def stopped_tasks(connection: Connection, job_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return engine and id of the tasks that came to nothing, not those of a job that goes on."""
    return [
        (row.engine_id, row.id)
        for row in await connection.fetch(sql.STOPPED, job_ids=list(job_ids))
    ]


async def handed_out_tasks(connection: Connection, job_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return engine id and task id of each task of some jobs that has been ready at some time."""
    rows = await connection.fetch(sql.HANDED_OUT, job_ids=job_ids)
    return [(row.engine_id, row.id) for row in rows]


async def recently_cancelled(connection: Connection, within: int) -> list[tuple[str, str]]:
    """Return engine id and task id of tasks that were cancelled while an engine had them.

    Args:
        connection: Of the database.
        within: Seconds that have passed since then at most.
    """
    rows = await connection.fetch(sql.CANCELLED, within=within)
    return [(row.engine_id, row.id) for row in rows]


async def engines_with_ready_tasks(connection: Connection) -> set[str]:
    """Return the engines that have work waiting, known here or not."""
    return {row.engine_id for row in await connection.fetch(sql.ENGINES)}


class Planned(msgspec.Struct, frozen=True):
    """Tasks that a job has.

    Attributes:
        ids: By stage and index.
        parts: The chunks that they work on, by index.
        forms: What they were planned as.
    """

    ids: dict[tuple[str, int], str]
    parts: dict[int, Part]
    forms: set[Form]


async def planned_tasks(connection: Connection, job_id: str, first: int = 0) -> Planned:
    """Return a job's tasks without a chunk, on its first chunk, and on those from an index on."""
    rows = await connection.fetch(sql.PLANNED, job_id=job_id, first=first)
    return Planned(
        {(row.stage, row.index): row.id for row in rows},
        {row.index: msgspec.convert(row.part, Part) for row in rows if row.part is not None},
        {Form(row.stage, row.part is not None, bool(row.expands)) for row in rows},
    )


async def expansions(connection: Connection, job_ids: Sequence[str]) -> list[Row]:
    """Return job, id and output of the finished tasks that cut the recordings of some jobs."""
    return await connection.fetch(sql.EXPANSIONS, job_ids=job_ids)


async def finished_jobs(connection: Connection, job_ids: Sequence[str]) -> list[Row]:
    """Return id and final output of those of some jobs whose tasks are all done.

    And whether their owner has registered an endpoint.
    """
    return await connection.fetch(sql.FINISHED, job_ids=job_ids)


async def overlooked_jobs(connection: Connection, limit: int) -> list[str]:
    """Return running jobs with a pending task that waits for nothing, or with nothing left to do.

    No transition leaves one behind; this is asked in case that something else did.
    """
    found = {row.job_id for row in await connection.fetch(sql.OVERLOOKED_TASKS, limit=limit)}
    found |= {row.id for row in await connection.fetch(sql.OVERLOOKED_JOBS, limit=limit)}
    return sorted(found)[:limit]
