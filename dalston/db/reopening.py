"""Puts a job that has ended back to be planned, with what is done kept. Split from `jobs.py`.

Tasks that are to be done again are replaced, not turned back: their rows go, and the plan makes
new ones with ids of their own. So nothing that is still said about an old attempt can be taken for
something about the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from dalston.common.models import TERMINAL_JOB, Job, JobStatus, Task, TaskStatus
from dalston.db.abandoned import forget_abandoned
from dalston.db.compiled import reopening as sql
from dalston.db.journal import job_entry, record
from dalston.db.locking import Locked
from dalston.db.statements import Connection


class Rerun(msgspec.Struct, frozen=True):
    """What a rerun is asked for.

    Attributes:
        from_stage: The first stage that is done again.
        options: What changes of the job's parameters, as it was sent.
        parameters: What they are from now on.
    """

    from_stage: str
    options: dict[str, Any]
    parameters: dict[str, Any]


def is_kept(task: Task) -> bool:
    """Tell whether a task has come to an end that a retry leaves as it is."""
    if task.status is TaskStatus.FAILED:
        return task.optional
    return task.status in {TaskStatus.COMPLETED, TaskStatus.SKIPPED}


def with_all_behind(task_ids: Iterable[str], pairs: Collection[tuple[str, str]]) -> set[str]:
    """Return some tasks and all that come after them.

    Args:
        task_ids: The tasks.
        pairs: Which task comes after which one.
    """
    behind = set(task_ids)
    new = behind
    while new:
        new = {task_id for task_id, after_id in pairs if after_id in new} - behind
        behind |= new
    return behind


async def retry_job(
    connection: Connection, locked: Locked, job_id: str, drop: Sequence[str]
) -> bool:
    """Failed or cancelled → pending: what isn't done will be planned once more.

    Args:
        connection: An open write transaction.
        locked: Holds the job.
        job_id: The job.
        drop: Its tasks that are not done, and all behind them.

    Returns:
        Whether it was; a job that has a result, or still runs, isn't.
    """
    if locked.job_status.get(job_id) not in {JobStatus.FAILED, JobStatus.CANCELLED}:
        return False
    job = locked.jobs[job_id]
    await _drop(connection, job_id, drop)
    await forget_abandoned(connection, [job_id])
    await connection.run_many(sql.RETRY, [_naming(job)])
    return _reopened(connection, locked, job_id, "retried: what was finished is kept")


async def rerun_job(  # noqa: PLR0917 - a transition's usual parameters, and what is new
    connection: Connection,
    locked: Locked,
    job_id: str,
    own_tasks: Sequence[Task],
    drop: Sequence[str],
    rerun: Rerun,
) -> bool:
    """Ended → pending, as the next version; the present one is kept beside it.

    Args:
        connection: An open write transaction.
        locked: Holds the job.
        job_id: The job.
        own_tasks: All its tasks.
        drop: Those that are to be done again.
        rerun: Where it begins, and with what.

    Returns:
        Whether it was; a job that still runs isn't.
    """
    if locked.job_status.get(job_id) not in TERMINAL_JOB:
        return False
    job = locked.jobs[job_id]
    final = await connection.fetch_one(sql.SMALL_TRANSCRIPT, job_id=job_id)
    # It goes with the task's row; the object that people find is the newest version's.
    transcript = None if final is None else final.output
    await connection.run_many(sql.NEW_VERSION, [_version(job, own_tasks, transcript)])
    await _drop(connection, job_id, drop)
    await forget_abandoned(connection, [job_id])
    shown = {"from_stage": rerun.from_stage, "options": rerun.options}
    asked = {"by_parameters": rerun.parameters, "by_rerun": shown}
    await connection.run_many(sql.RERUN, [_naming(job) | asked])
    why = f"rerun from {rerun.from_stage}, as version {job.version + 1}"
    return _reopened(connection, locked, job_id, why)


def _version(job: Job, own_tasks: Sequence[Task], transcript: str | None) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "version": job.version,
        "status": job.status.value,
        "parameters": job.parameters,
        "rerun": job.rerun,
        "tasks": msgspec.to_builtins(list(own_tasks)),
        "transcript": transcript,
        "transcript_path": job.transcript_path,
        "error_code": None if job.error is None else job.error.code,
        "error_message": None if job.error is None else job.error.message,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
    }


def _naming(job: Job) -> dict[str, Any]:
    return {"by_id": job.id, "by_deadline": job.deadline_seconds}


async def _drop(connection: Connection, job_id: str, task_ids: Sequence[str]) -> None:
    """Remove tasks; none of those that stay is the last one, whatever it was before."""
    for statement in sql.DROP:
        await connection.fetch(statement, task_ids=task_ids)
    await connection.fetch(sql.NOT_FINAL, by_job=job_id)


def _reopened(connection: Connection, locked: Locked, job_id: str, why: str) -> bool:
    record(connection, [job_entry(job_id, locked.job_status[job_id], JobStatus.PENDING, why)])
    locked.job_status[job_id] = JobStatus.PENDING
    return True
