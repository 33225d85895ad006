"""What the orchestrator asks before it acts: what waits, what runs, what was overlooked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.messages import Attempt, QueueEntry
from dalston.common.models import Job, JobStatus, TaskStatus
from dalston.common.storage import audio_beside
from dalston.db.reading import find_jobs
from dalston.db.tables import DatabaseNow, edges, jobs, tasks

_DONE = (TaskStatus.COMPLETED.value, TaskStatus.SKIPPED.value)


class RunningTask(msgspec.Struct, frozen=True):
    """A row that says that an engine works on it."""

    attempt: Attempt
    engine_id: str
    final: bool
    started_at: datetime


async def pending_jobs(connection: AsyncConnection, job_ids: Sequence[str]) -> list[Job]:
    """Return those of the jobs that have not been planned yet."""
    return [job for job in await find_jobs(connection, job_ids) if job.status is JobStatus.PENDING]


async def pending_job_ids(connection: AsyncConnection, limit: int) -> list[str]:
    """Return the oldest jobs that have not been planned yet."""
    query = (
        select(jobs.c.id)
        .where(jobs.c.status == JobStatus.PENDING.value)
        .order_by(jobs.c.created_at)
        .limit(limit)
    )
    return [row.id for row in (await connection.execute(query)).all()]


async def ready_entries(
    connection: AsyncConnection, engine_id: str, limit: int
) -> list[QueueEntry]:
    """Return an engine's ready tasks in the order in which they should be handed out."""
    query = (
        select(
            tasks.c.id,
            tasks.c.hand_out,
            tasks.c.job_id,
            tasks.c.stage,
            tasks.c.config,
            tasks.c.audio_from,
            jobs.c.audio_path,
            jobs.c.audio_bytes,
        )
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .where(tasks.c.engine_id == engine_id, tasks.c.status == TaskStatus.READY.value)
        .order_by(tasks.c.rank, tasks.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    inputs = await _outputs_before(connection, [row.id for row in rows])
    audio_from = {row.audio_from for row in rows if row.audio_from is not None}
    kept = await _output_paths(connection, sorted(audio_from))
    return [
        QueueEntry(
            task_id=row.id,
            hand_out=row.hand_out,
            job_id=row.job_id,
            engine_id=engine_id,
            stage=row.stage,
            audio=row.audio_path if row.audio_from is None else audio_beside(kept[row.audio_from]),
            audio_bytes=row.audio_bytes,
            inputs=inputs.get(row.id, {}),
            config=row.config,
        )
        for row in rows
    ]


async def _outputs_before(
    connection: AsyncConnection, task_ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    if not task_ids:
        return {}
    query = (
        select(edges.c.task_id, tasks.c.stage, tasks.c.output_path)
        .join(tasks, tasks.c.id == edges.c.after_id)
        .where(edges.c.task_id.in_(task_ids), tasks.c.output_path.is_not(None))
        .order_by(tasks.c.stage, tasks.c.index)
    )
    outputs: dict[str, dict[str, str]] = {}
    for row in (await connection.execute(query)).all():
        outputs.setdefault(row.task_id, {})[row.stage] = row.output_path
    return outputs


async def _output_paths(connection: AsyncConnection, task_ids: Sequence[str]) -> dict[str, str]:
    if not task_ids:
        return {}
    query = select(tasks.c.id, tasks.c.output_path).where(tasks.c.id.in_(task_ids))
    return {row.id: row.output_path for row in (await connection.execute(query)).all()}


async def running_tasks(
    connection: AsyncConnection, *, instance_prefix: str | None = None
) -> list[RunningTask]:
    """Return all tasks that an engine works on; there are no more than engines have slots.

    Args:
        connection: An open transaction.
        instance_prefix: Only those of the engine instances whose name begins so.
    """
    query = select(
        tasks.c.id,
        tasks.c.job_id,
        tasks.c.hand_out,
        tasks.c.token,
        tasks.c.instance,
        tasks.c.engine_id,
        tasks.c.final,
        tasks.c.started_at,
    ).where(tasks.c.status == TaskStatus.RUNNING.value)
    if instance_prefix is not None:
        query = query.where(tasks.c.instance.startswith(instance_prefix, autoescape=True))
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
            started_at=row.started_at,
        )
        for row in (await connection.execute(query)).all()
    ]


async def final_tasks(connection: AsyncConnection, task_ids: Sequence[str]) -> set[str]:
    """Return those of the tasks whose output is their job's transcript."""
    query = select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.final == 1)
    return {row.id for row in (await connection.execute(query)).all()}


async def handed_out_tasks(
    connection: AsyncConnection, job_ids: Sequence[str]
) -> list[tuple[str, str]]:
    """Return engine id and task id of each task of some jobs that has been ready at some time."""
    query = select(tasks.c.engine_id, tasks.c.id).where(
        tasks.c.job_id.in_(job_ids), tasks.c.status != TaskStatus.PENDING.value
    )
    return [(row.engine_id, row.id) for row in (await connection.execute(query)).all()]


async def recently_cancelled(
    connection: AsyncConnection, within: timedelta
) -> list[tuple[str, str]]:
    """Return engine id and task id of tasks that were cancelled while an engine had them."""
    now = (await connection.execute(select(DatabaseNow()))).scalar_one()
    query = select(tasks.c.engine_id, tasks.c.id).where(
        tasks.c.status == TaskStatus.CANCELLED.value,
        tasks.c.completed_at > now - within,
        tasks.c.instance.is_not(None),
    )
    return [(row.engine_id, row.id) for row in (await connection.execute(query)).all()]


async def engines_with_ready_tasks(connection: AsyncConnection) -> set[str]:
    """Return the engines that have work waiting, known here or not."""
    query = select(tasks.c.engine_id).where(tasks.c.status == TaskStatus.READY.value).distinct()
    return {row.engine_id for row in (await connection.execute(query)).all()}


async def waiting_for_nothing(
    connection: AsyncConnection, among: Select[tuple[str]]
) -> Sequence[Row[Any, Any, Any]]:
    """Return id, engine and job of the pending tasks among some whose predecessors are done."""
    query = select(tasks.c.id, tasks.c.engine_id, tasks.c.job_id).where(
        tasks.c.id.in_(among),
        tasks.c.status == TaskStatus.PENDING.value,
        ~exists(_unfinished_before()),
    )
    return (await connection.execute(query)).all()


async def finished_jobs(
    connection: AsyncConnection, job_ids: Sequence[str]
) -> Sequence[Row[Any, Any]]:
    """Return id and final output of those of some jobs whose tasks are all done."""
    sibling = tasks.alias("sibling")
    unfinished = select(sibling.c.id).where(
        sibling.c.job_id == tasks.c.job_id, sibling.c.status.not_in(_DONE)
    )
    query = select(tasks.c.job_id, tasks.c.output_path).where(
        tasks.c.job_id.in_(job_ids),
        tasks.c.final == 1,
        tasks.c.status == TaskStatus.COMPLETED.value,
        ~exists(unfinished),
    )
    return (await connection.execute(query)).all()


def _unfinished_before() -> Select[tuple[str]]:
    """Return the edges from a task to those before it that are not done."""
    before = tasks.alias("before")
    return (
        select(edges.c.task_id)
        .join(before, before.c.id == edges.c.after_id)
        .where(edges.c.task_id == tasks.c.id, before.c.status.not_in(_DONE))
    )


async def overlooked_jobs(connection: AsyncConnection, limit: int) -> list[str]:
    """Return running jobs with a pending task that waits for nothing, or with nothing left to do.

    No transition leaves one behind; this is asked in case that something else did.
    """
    waits_for_nothing = (
        select(tasks.c.job_id)
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .where(
            jobs.c.status == JobStatus.RUNNING.value,
            tasks.c.status == TaskStatus.PENDING.value,
            ~exists(_unfinished_before()),
        )
        .limit(limit)
    )
    live = select(tasks.c.id).where(tasks.c.job_id == jobs.c.id, tasks.c.status.not_in(_DONE))
    nothing_left = (
        select(jobs.c.id)
        .where(jobs.c.status == JobStatus.RUNNING.value, ~exists(live))
        .limit(limit)
    )
    found = {row.job_id for row in (await connection.execute(waits_for_nothing)).all()}
    found |= {row.id for row in (await connection.execute(nothing_left)).all()}
    return sorted(found)[:limit]
