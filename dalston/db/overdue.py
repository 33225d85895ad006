"""What has waited or run for too long: found here, and ended. Split from `jobs.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from dalston.common.models import Failure, JobStatus, TaskStatus
from dalston.db.compiled import overdue as sql
from dalston.db.journal import record, task_entry
from dalston.db.locking import Locked
from dalston.db.parameters import reason
from dalston.db.statements import Connection


class LateJob(msgspec.Struct, frozen=True):
    """A job that has not ended within its deadline.

    Attributes:
        resumed: How often it had been resumed when that was found.
        seconds: How long it was allowed to take.
    """

    job_id: str
    resumed: int
    seconds: float


class UnplannedJob(msgspec.Struct, frozen=True):
    """A job that can't be planned, or planned further, by whoever doesn't know its pipeline.

    Or doesn't know what fetches its recording.

    Attributes:
        task_id: The task that has cut its recording; None if nothing of it has been planned.
    """

    job_id: str
    pipeline: str
    task_id: str | None = None


class WaitingTask(msgspec.Struct, frozen=True):
    """A ready task that no engine takes."""

    job_id: str
    task_id: str
    stage: str
    hand_out: int


async def late_jobs(connection: Connection, limit: int) -> list[LateJob]:
    """Return jobs whose deadline has passed."""
    rows = await connection.fetch(sql.LATE_JOBS, limit=limit)
    return [LateJob(row.id, row.resumed, row.deadline_seconds or 0.0) for row in rows]


async def unplanned_jobs(
    connection: Connection, known: Collection[str], limit: int, *, fetches: bool
) -> list[UnplannedJob]:
    """Return jobs of other pipelines than the known ones that are pending or being cut.

    Args:
        connection: Of the database.
        known: Names of the pipelines.
        limit: How many at most, of either.
        fetches: Whether it is known what fetches recordings; otherwise jobs of the known pipelines
            for which that is to be done are returned too.
    """
    names = sorted(known)
    pending = await connection.fetch(sql.UNPLANNED, known=names, fetches=fetches, limit=limit)
    cut = await connection.fetch(sql.UNEXPANDED, known=names, fetches=fetches, limit=limit)
    return [UnplannedJob(row.id, row.pipeline) for row in pending] + [
        UnplannedJob(row.job_id, row.pipeline, row.id) for row in cut
    ]


def is_unplanned(locked: Locked, found: UnplannedJob) -> bool:
    """Tell whether nobody has planned a job since it was found."""
    if found.task_id is None:
        return locked.job_status.get(found.job_id) is JobStatus.PENDING
    task = locked.tasks.get(found.task_id)
    return task is not None and task.status is TaskStatus.RUNNING


async def waiting_tasks(
    connection: Connection, engine_id: str, seconds: float, limit: int
) -> list[WaitingTask]:
    """Return the tasks of an engine that have been ready for longer than some seconds."""
    rows = await connection.fetch(sql.WAITING, engine_id=engine_id, seconds=seconds, limit=limit)
    return [WaitingTask(row.job_id, row.id, row.stage, row.hand_out) for row in rows]


async def give_up_tasks(
    connection: Connection, locked: Locked, reasons: Mapping[WaitingTask, Failure]
) -> Sequence[WaitingTask]:
    """Ready → failed, for tasks that nobody has begun.

    Returns:
        Those that were.
    """
    given_up = [
        waiting
        for waiting in reasons
        if (task := locked.tasks.get(waiting.task_id)) is not None
        and task.status is TaskStatus.READY
        and task.hand_out == waiting.hand_out
    ]
    rows = [
        {"by_id": waiting.task_id, "by_hand_out": waiting.hand_out} | reason(reasons[waiting])
        for waiting in given_up
    ]
    await connection.run_many(sql.GIVE_UP, rows)
    story = [
        task_entry(
            waiting.job_id,
            waiting.task_id,
            TaskStatus.READY,
            TaskStatus.FAILED,
            f"{reasons[waiting].code}: {reasons[waiting].message}",
        )
        for waiting in given_up
    ]
    record(connection, story)
    for waiting in given_up:
        locked.tasks[waiting.task_id].status = TaskStatus.FAILED
    return given_up


async def release_held_up(connection: Connection) -> None:
    """Let go of what a clock that was ahead has told to wait, for a year perhaps."""
    await connection.fetch(sql.RELEASE_TASKS)
    await connection.fetch(sql.RELEASE_DELIVERIES)
