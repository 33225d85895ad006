"""The transitions of jobs and tasks: the only place that writes a status.

Each transition is one function, named, and guarded twice: a batch first locks its jobs in
ascending order, then its tasks, and each UPDATE repeats the expected state in its WHERE.
Where the guard refuses, somebody else was first; that is an answer and no error. Each
transition leaves a row in the job's history, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    Select,
    Update,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.messages import Attempt
from dalston.common.models import Cause, Failure, Job, JobStatus, PlannedTask, TaskStatus
from dalston.common.storage import output_path
from dalston.db import work
from dalston.db.journal import job_entry, record, task_entry
from dalston.db.locking import Locked
from dalston.db.rank import Waiting, ranks
from dalston.db.statements import (
    BIND,
    ERROR,
    NO_ERROR,
    binding,
    insert_many,
    naming,
    one_of,
    reason,
    update_many,
)
from dalston.db.tables import DatabaseNow, edges, jobs, tasks
from dalston.db.verdict import Verdict, judge, on_completion, on_failure, on_return, on_start

_LIVE_TASK = (TaskStatus.PENDING, TaskStatus.READY, TaskStatus.RUNNING)
_LIVE_JOB = (JobStatus.PENDING, JobStatus.RUNNING)
_HANDED_OUT = (TaskStatus.READY, TaskStatus.RUNNING)
_COUNTERS = {Cause.RETRY: ["failures"], Cause.LOST: ["losses"], Cause.RESTART: ["restarts"]}


def _task_update(after: TaskStatus, *before: TaskStatus) -> Update:
    return (
        update(tasks)
        .where(
            tasks.c.id == bindparam("by_id"),
            tasks.c.hand_out == bindparam("by_hand_out"),
            one_of(tasks.c.status, before),
        )
        .values(status=after.value)
    )


def _end_job(after: JobStatus, *before: JobStatus) -> Update:
    return (
        update(jobs)
        .where(
            jobs.c.id == bindparam("by_id"),
            one_of(jobs.c.status, before),
        )
        .values(status=after.value, completed_at=DatabaseNow())
    )


_START = _task_update(TaskStatus.RUNNING, TaskStatus.READY).values(
    **BIND, **NO_ERROR, started_at=DatabaseNow()
)
_COMPLETE = _task_update(TaskStatus.COMPLETED, *_HANDED_OUT).values(
    **BIND,
    output_path=bindparam("by_output"),
    **NO_ERROR,
    started_at=func.coalesce(tasks.c.started_at, DatabaseNow()),
    completed_at=DatabaseNow(),
)
_FAIL = _task_update(TaskStatus.FAILED, *_HANDED_OUT).values(
    **BIND, **ERROR, completed_at=DatabaseNow()
)
_RETURN = {
    cause: _task_update(TaskStatus.READY, *_HANDED_OUT).values(
        **(NO_ERROR if cause is Cause.RELEASED else ERROR),
        hand_out=tasks.c.hand_out + 1,
        token=None,
        instance=None,
        started_at=None,
        **{name: tasks.c[name] + 1 for name in _COUNTERS.get(cause, ())},
    )
    for cause in Cause
}


async def create_job(connection: AsyncConnection, job: Job) -> None:
    """→ pending. The recording must be in the store already."""
    await connection.execute(
        insert(jobs).values(
            id=job.id,
            owner=job.owner,
            status=JobStatus.PENDING.value,
            pipeline=job.pipeline,
            parameters=job.parameters,
            filename=job.filename,
            audio_path=job.audio_path,
            audio_bytes=job.audio_bytes,
            created_at=DatabaseNow(),
        )
    )
    await record(connection, [job_entry(job.id, None, JobStatus.PENDING, "accepted")])


async def start_jobs(
    connection: AsyncConnection, locked: Locked, plans: Mapping[str, Sequence[PlannedTask]]
) -> list[str]:
    """Pending → running, with the job's tasks; those that wait for nothing are ready.

    Returns:
        The jobs that were started.
    """
    started = [job_id for job_id in plans if locked.job_status.get(job_id) is JobStatus.PENDING]
    if not started:
        return []
    await connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(started), jobs.c.status == JobStatus.PENDING.value)
        .values(status=JobStatus.RUNNING.value, started_at=DatabaseNow())
    )
    for job_id in started:
        locked.job_status[job_id] = JobStatus.RUNNING
    planned = [(job_id, task) for job_id in started for task in plans[job_id]]
    roots = [
        Waiting(task.id, task.engine_id, job_id, locked.job_owner[job_id])
        for job_id, task in planned
        if not task.after
    ]
    rank = await ranks(connection, roots)
    await insert_many(
        connection, tasks, [_new_task(job_id, task, rank) for job_id, task in planned]
    )
    pairs = [{"task_id": t.id, "after_id": after} for _, t in planned for after in t.after]
    await insert_many(connection, edges, pairs)
    events = [
        job_entry(job_id, JobStatus.PENDING, JobStatus.RUNNING, "planned") for job_id in started
    ]
    events += [
        task_entry(job_id, task.id, None, _first_status(task), f"stage {task.stage}")
        for job_id, task in planned
    ]
    await record(connection, events)
    return started


def _first_status(task: PlannedTask) -> TaskStatus:
    return TaskStatus.PENDING if task.after else TaskStatus.READY


def _new_task(job_id: str, task: PlannedTask, rank: Mapping[str, float]) -> dict[str, Any]:
    return {
        "id": task.id,
        "job_id": job_id,
        "stage": task.stage,
        "index": task.index,
        "engine_id": task.engine_id,
        "status": _first_status(task).value,
        "hand_out": 1,
        "rank": rank.get(task.id, 0.0),
        "final": int(task.final),
        "config": task.config,
        "audio_from": task.audio_from,
        "failures": 0,
        "losses": 0,
        "restarts": 0,
    }


async def start_attempts(
    connection: AsyncConnection, locked: Locked, attempts: Sequence[Attempt]
) -> list[Verdict]:
    """Ready → running; the first attempt that is heard of is bound to the row."""
    messages = [(attempt, "started") for attempt in attempts]
    verdicts, changed = judge(locked, messages, on_start, TaskStatus.RUNNING)
    await update_many(connection, _START, [binding(attempt) for attempt in changed.attempts])
    await record(connection, changed.entries)
    return verdicts


async def complete_tasks(
    connection: AsyncConnection, locked: Locked, attempts: Sequence[Attempt]
) -> list[Verdict]:
    """Running (or ready, if its start was lost) → completed; the row points at the output."""
    messages = [(attempt, "completed") for attempt in attempts]
    verdicts, changed = judge(locked, messages, on_completion, TaskStatus.COMPLETED)
    rows = [
        binding(a) | {"by_output": output_path(a.job_id, a.task_id, a.folder)}
        for a in changed.attempts
    ]
    await update_many(connection, _COMPLETE, rows)
    await record(connection, changed.entries)
    return verdicts


async def fail_tasks(
    connection: AsyncConnection, locked: Locked, failed: Sequence[tuple[Attempt, Failure]]
) -> list[Verdict]:
    """Running (or ready, if its start was lost) → failed, for good."""
    messages = [(attempt, f"{failure.code}: {failure.message}") for attempt, failure in failed]
    verdicts, changed = judge(locked, messages, on_failure, TaskStatus.FAILED)
    reasons = dict(reversed(failed))
    rows = [binding(attempt) | reason(reasons[attempt]) for attempt in changed.attempts]
    await update_many(connection, _FAIL, rows)
    await record(connection, changed.entries)
    return verdicts


async def return_tasks(
    connection: AsyncConnection,
    locked: Locked,
    returned: Sequence[tuple[Attempt, Failure]],
    cause: Cause,
) -> list[Verdict]:
    """Running → ready, as the next hand-out, for one cause, whose counter rises."""
    messages = [(attempt, f"{cause.value}: {failure.message}") for attempt, failure in returned]
    verdicts, changed = judge(locked, messages, partial(on_return, cause), TaskStatus.READY)
    # Who hands a task back found nothing wrong with it.
    reasons = {} if cause is Cause.RELEASED else dict(reversed(returned))
    rows = [naming(a) | (reason(reasons[a]) if reasons else {}) for a in changed.attempts]
    await update_many(connection, _RETURN[cause], rows)
    await record(connection, changed.entries)
    return verdicts


async def ready_dependents(
    connection: AsyncConnection, locked: Locked, task_ids: Sequence[str]
) -> set[str]:
    """Pending → ready, for those that wait for nothing any more.

    Args:
        connection: An open write transaction.
        locked: Holds the tasks' jobs.
        task_ids: Tasks that have just been completed.

    Returns:
        Ids of the engines that have work now.
    """
    waiting = select(edges.c.task_id).where(edges.c.after_id.in_(task_ids))
    return await _ready(connection, locked, waiting)


async def ready_tasks_of(
    connection: AsyncConnection, locked: Locked, job_ids: Sequence[str]
) -> set[str]:
    """Pending → ready, for all tasks of some jobs that wait for nothing any more."""
    own = select(tasks.c.id).where(tasks.c.job_id.in_(job_ids))
    return await _ready(connection, locked, own)


async def _ready(
    connection: AsyncConnection, locked: Locked, among: Select[tuple[str]]
) -> set[str]:
    rows = [
        row
        for row in await work.waiting_for_nothing(connection, among)
        if locked.job_status.get(row.job_id) is JobStatus.RUNNING
    ]
    rank = await ranks(
        connection,
        [Waiting(row.id, row.engine_id, row.job_id, locked.job_owner[row.job_id]) for row in rows],
    )
    await update_many(
        connection,
        update(tasks)
        .where(tasks.c.id == bindparam("by_id"), tasks.c.status == TaskStatus.PENDING.value)
        .values(status=TaskStatus.READY.value, rank=bindparam("by_rank")),
        [{"by_id": task_id, "by_rank": value} for task_id, value in rank.items()],
    )
    await record(
        connection,
        [
            task_entry(row.job_id, row.id, TaskStatus.PENDING, TaskStatus.READY, "inputs are there")
            for row in rows
        ],
    )
    return {row.engine_id for row in rows}


async def complete_jobs(
    connection: AsyncConnection, locked: Locked, job_ids: Sequence[str]
) -> list[str]:
    """Running → completed, for those whose tasks are all completed.

    Returns:
        The jobs that were completed.
    """
    rows = [
        row
        for row in await work.finished_jobs(connection, job_ids)
        if locked.job_status.get(row.job_id) is JobStatus.RUNNING
    ]
    await update_many(
        connection,
        _end_job(JobStatus.COMPLETED, JobStatus.RUNNING).values(
            transcript_path=bindparam("by_transcript")
        ),
        [{"by_id": row.job_id, "by_transcript": row.output_path} for row in rows],
    )
    completed = [row.job_id for row in rows]
    return await _ended(connection, locked, completed, JobStatus.COMPLETED, "all tasks done")


async def fail_jobs(
    connection: AsyncConnection, locked: Locked, failures: Mapping[str, Failure]
) -> list[str]:
    """Pending or running → failed, with the first reason; its other tasks are cancelled.

    Returns:
        The jobs that were failed.
    """
    failing = [job_id for job_id in failures if locked.is_live(job_id)]
    await update_many(
        connection,
        _end_job(JobStatus.FAILED, *_LIVE_JOB).values(**ERROR),
        [{"by_id": job_id} | reason(failures[job_id]) for job_id in failing],
    )
    await _cancel_tasks(connection, locked, failing, "another task of the job failed")
    for job_id in failing:
        await _ended(connection, locked, [job_id], JobStatus.FAILED, failures[job_id].code)
    return failing


async def cancel_jobs(
    connection: AsyncConnection, locked: Locked, job_ids: Sequence[str]
) -> list[str]:
    """Pending or running → cancelled, and its tasks with it.

    Returns:
        The jobs that were cancelled; one that had ended already is not among them.
    """
    live = [job_id for job_id in job_ids if locked.is_live(job_id)]
    await update_many(
        connection,
        _end_job(JobStatus.CANCELLED, *_LIVE_JOB),
        [{"by_id": job_id} for job_id in live],
    )
    await _cancel_tasks(connection, locked, live, "the job was cancelled")
    return await _ended(connection, locked, live, JobStatus.CANCELLED, "asked for")


async def _ended(
    connection: AsyncConnection,
    locked: Locked,
    job_ids: list[str],
    after: JobStatus,
    why: str,
) -> list[str]:
    await record(
        connection,
        [job_entry(job_id, locked.job_status[job_id], after, why) for job_id in job_ids],
    )
    for job_id in job_ids:
        locked.job_status[job_id] = after
    return job_ids


async def _cancel_tasks(
    connection: AsyncConnection, locked: Locked, job_ids: Sequence[str], why: str
) -> None:
    if not job_ids:
        return
    live = [status.value for status in _LIVE_TASK]
    of_jobs = (tasks.c.job_id.in_(job_ids), tasks.c.status.in_(live))
    query = select(tasks.c.id, tasks.c.job_id, tasks.c.status).where(*of_jobs)
    rows = (await connection.execute(query)).all()
    await connection.execute(
        update(tasks)
        .where(*of_jobs)
        .values(status=TaskStatus.CANCELLED.value, completed_at=DatabaseNow())
    )
    await record(
        connection,
        [
            task_entry(row.job_id, row.id, TaskStatus(row.status), TaskStatus.CANCELLED, why)
            for row in rows
        ],
    )
    for row in rows:
        if row.id in locked.tasks:
            locked.tasks[row.id].status = TaskStatus.CANCELLED
