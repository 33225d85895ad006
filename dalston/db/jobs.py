"""The transitions of jobs and tasks: the only place that writes a status.

`planned.py`, `reopening.py` and `overdue.py` were split from it by subject.

Each transition is one function, named, and guarded twice: a batch first locks its jobs in
ascending order, then its tasks, and each UPDATE repeats the expected state in its WHERE.
Where the guard refuses, somebody else was first; that is an answer and no error. Each
transition leaves a row in the job's history, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

import msgspec

from dalston.common.messages import Attempt, TaskCompleted
from dalston.common.models import Cause, Failure, Job, JobStatus, PlannedTask, TaskStatus
from dalston.common.storage import output_path
from dalston.db import entries, outbox, work
from dalston.db.compiled import jobs as sql
from dalston.db.journal import job_entry, record, task_entry
from dalston.db.locking import Locked
from dalston.db.parameters import binding, naming, reason
from dalston.db.planned import add_tasks
from dalston.db.rank import Waiting, ranks
from dalston.db.statements import Connection, Row
from dalston.db.verdict import Verdict, judge, on_completion, on_failure, on_return, on_start


async def create_jobs(connection: Connection, new: Sequence[Job]) -> dict[str, datetime]:
    """→ pending. The recordings must be in the store already.

    Returns:
        When each job was created, by id; one that is missing has an id that was taken already.
    """
    found = await connection.fetch(sql.NOW_AND_TAKEN, job_ids=[job.id for job in new])
    now, taken = found[0].now, {row.id for row in found}
    accepted = {job.id: job for job in new if job.id not in taken}
    rows = [
        msgspec.structs.asdict(job) | {"created_at": now, "until_seconds": job.deadline_seconds}
        for job in accepted.values()
    ]
    await connection.run_many(sql.NEW_JOB, rows)
    story = [job_entry(job_id, None, JobStatus.PENDING, "accepted") for job_id in accepted]
    record(connection, story)
    return dict.fromkeys(accepted, now)


async def start_jobs(
    connection: Connection, locked: Locked, plans: Mapping[str, Sequence[PlannedTask]]
) -> list[str]:
    """Pending → running, with the job's tasks; those that wait for nothing are ready.

    Returns:
        The jobs that were started.
    """
    started = [job_id for job_id in plans if locked.job_status.get(job_id) is JobStatus.PENDING]
    if not started:
        return []
    await connection.run_many(sql.START_JOB, [{"by_id": job_id} for job_id in started])
    for job_id in started:
        locked.job_status[job_id] = JobStatus.RUNNING
    story = [
        job_entry(job_id, JobStatus.PENDING, JobStatus.RUNNING, "planned") for job_id in started
    ]
    record(connection, story)
    await expand_jobs(connection, locked, {job_id: plans[job_id] for job_id in started})
    return started


async def expand_jobs(
    connection: Connection, locked: Locked, plans: Mapping[str, Sequence[PlannedTask]]
) -> None:
    """→ pending, or ready if they wait for nothing, for new tasks of running jobs."""
    planned = [
        (locked.jobs[job_id], task)
        for job_id, plan in plans.items()
        if locked.job_status.get(job_id) is JobStatus.RUNNING
        for task in plan
    ]
    roots = [(job, task) for job, task in planned if not task.after]
    rank = await ranks(
        connection,
        [
            Waiting(task.id, task.engine_id, job.id, job.owner, in_turn=task.part is not None)
            for job, task in roots
        ],
    )
    locked.ready += [entries.root_entry(job, task) for job, task in roots]
    await add_tasks(connection, planned, rank)


async def start_attempts(
    connection: Connection, locked: Locked, attempts: Sequence[Attempt]
) -> list[Verdict]:
    """Ready → running; the first attempt that is heard of is bound to the row."""
    messages = [(attempt, "started") for attempt in attempts]
    verdicts, changed = judge(locked, messages, on_start, TaskStatus.RUNNING)
    await connection.run_many(sql.START, [binding(attempt) for attempt in changed.attempts])
    record(connection, changed.entries)
    return verdicts


async def complete_tasks(
    connection: Connection,
    locked: Locked,
    attempts: Sequence[Attempt],
    small: Mapping[Attempt, str] = MappingProxyType({}),
) -> list[Verdict]:
    """Running (or ready, if its start was lost) → completed; the row points at the output.

    Args:
        connection: An open write transaction.
        locked: The rows that it holds.
        attempts: Those whose output is there.
        small: The outputs, as JSON, that have no object: the row itself keeps them.
    """
    messages = [(attempt, "completed") for attempt in attempts]
    verdicts, changed = judge(locked, messages, on_completion, TaskStatus.COMPLETED)
    rows = [
        binding(a)
        | {
            "by_output": None if a in small else output_path(a.job_id, a.task_id, a.folder),
            "by_small": small.get(a),
            "by_seconds": a.seconds if isinstance(a, TaskCompleted) else 0.0,
        }
        for a in changed.attempts
    ]
    await connection.run_many(sql.COMPLETE, rows)
    record(connection, changed.entries)
    return verdicts


async def fail_tasks(
    connection: Connection, locked: Locked, failed: Sequence[tuple[Attempt, Failure]]
) -> list[Verdict]:
    """Running (or ready, if its start was lost) → failed, for good."""
    messages = [(attempt, f"{failure.code}: {failure.message}") for attempt, failure in failed]
    verdicts, changed = judge(locked, messages, on_failure, TaskStatus.FAILED)
    reasons = dict(reversed(failed))
    rows = [binding(attempt) | reason(reasons[attempt]) for attempt in changed.attempts]
    await connection.run_many(sql.FAIL, rows)
    record(connection, changed.entries)
    return verdicts


async def return_tasks(
    connection: Connection,
    locked: Locked,
    returned: Sequence[tuple[Attempt, Failure]],
    cause: Cause,
    pauses: Mapping[str, float] = MappingProxyType({}),
) -> list[Verdict]:
    """Running → ready, as the next hand-out, for one cause, whose counter rises.

    Args:
        connection: An open write transaction.
        locked: The rows.
        returned: Each attempt, and why it ended.
        cause: That of all of them.
        pauses: Seconds before which a task isn't handed out again, by its id.
    """
    messages = [(attempt, f"{cause.value}: {failure.message}") for attempt, failure in returned]
    verdicts, changed = judge(locked, messages, partial(on_return, cause), TaskStatus.READY)
    # Who hands a task back found nothing wrong with it.
    reasons = {} if cause is Cause.RELEASED else dict(reversed(returned))
    rows = [
        naming(a)
        | {"by_pause": pauses.get(a.task_id, 0.0)}
        | (reason(reasons[a]) if reasons else {})
        for a in changed.attempts
    ]
    await connection.run_many(sql.RETURN[cause], rows)
    record(connection, changed.entries)
    return verdicts


async def ready_dependents(
    connection: Connection, locked: Locked, task_ids: Sequence[str]
) -> set[str]:
    """Pending → ready, for those behind some done tasks that wait for nothing any more.

    Returns:
        Ids of the engines that have work now; `locked.ready` has the tasks.
    """
    return await _ready(connection, locked, await entries.dependents_of(connection, task_ids))


async def ready_tasks_of(
    connection: Connection, locked: Locked, job_ids: Sequence[str]
) -> set[str]:
    """Pending → ready, for all tasks of some jobs that wait for nothing any more."""
    return await _ready(connection, locked, await entries.startable_tasks(connection, job_ids))


async def _ready(connection: Connection, locked: Locked, found: Sequence[Row]) -> set[str]:
    rows = [row for row in found if locked.job_status.get(row.job_id) is JobStatus.RUNNING]
    waiting = [
        Waiting(row.id, row.engine_id, row.job_id, row.owner, in_turn=row.part is not None)
        for row in rows
    ]
    rank = await ranks(connection, waiting)
    ranked = [{"by_id": task_id, "by_rank": value} for task_id, value in rank.items()]
    await connection.run_many(sql.READY, ranked)
    locked.ready += await entries.with_inputs(connection, rows)
    why = "inputs are there"
    record(
        connection,
        [task_entry(row.job_id, row.id, TaskStatus.PENDING, TaskStatus.READY, why) for row in rows],
    )
    return {row.engine_id for row in rows}


async def complete_jobs(
    connection: Connection, locked: Locked, job_ids: Sequence[str]
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
    pointers = [{"by_id": row.job_id, "by_transcript": row.output_path} for row in rows]
    await connection.run_many(sql.COMPLETE_JOB, pointers)
    completed = [row.job_id for row in rows]
    having = {row.job_id for row in rows if row.has_endpoint}
    why = "all tasks done"
    return await _ended(connection, locked, completed, JobStatus.COMPLETED, why, having=having)


async def fail_jobs(
    connection: Connection, locked: Locked, failures: Mapping[str, Failure]
) -> list[str]:
    """Pending or running → failed, with the first reason; its other tasks are cancelled.

    Returns:
        The jobs that were failed.
    """
    failing = [job_id for job_id in failures if locked.is_live(job_id)]
    rows = [{"by_id": job_id} | reason(failures[job_id]) for job_id in failing]
    await connection.run_many(sql.FAIL_JOB, rows)
    await _cancel_tasks(connection, locked, failing, "another task of the job failed")
    for job_id in failing:
        await _ended(connection, locked, [job_id], JobStatus.FAILED, failures[job_id].code)
    return failing


async def cancel_jobs(connection: Connection, locked: Locked, job_ids: Sequence[str]) -> list[str]:
    """Pending or running → cancelled, and its tasks with it.

    Returns:
        The jobs that were cancelled; one that had ended already is not among them.
    """
    live = [job_id for job_id in job_ids if locked.is_live(job_id)]
    await connection.run_many(sql.CANCEL_JOB, [{"by_id": job_id} for job_id in live])
    await _cancel_tasks(connection, locked, live, "the job was cancelled")
    return await _ended(connection, locked, live, JobStatus.CANCELLED, "asked for")


async def _ended(
    connection: Connection,
    locked: Locked,
    job_ids: list[str],
    after: JobStatus,
    why: str,
    *,
    having: Collection[str] | None = None,
) -> list[str]:
    story = [job_entry(job_id, locked.job_status[job_id], after, why) for job_id in job_ids]
    record(connection, story)
    for job_id in job_ids:
        locked.job_status[job_id] = after
    ended = [locked.jobs[job_id] for job_id in job_ids]
    await outbox.tell_of_end(connection, ended, after, why, having)
    return job_ids


async def _cancel_tasks(
    connection: Connection, locked: Locked, job_ids: Sequence[str], why: str
) -> None:
    if not job_ids:
        return
    rows = await connection.fetch(sql.LIVE_TASKS, job_ids=job_ids)
    await connection.fetch(sql.CANCEL_TASKS, job_ids=job_ids)
    story = [
        task_entry(row.job_id, row.id, TaskStatus(row.status), TaskStatus.CANCELLED, why)
        for row in rows
    ]
    record(connection, story)
    for row in rows:
        if row.id in locked.tasks:
            locked.tasks[row.id].status = TaskStatus.CANCELLED
