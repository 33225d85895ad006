"""Takes the rows that a transition may change, in an order that can't end in a deadlock."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dalston.common.messages import Attempt, QueueEntry
from dalston.common.models import LIVE_JOB, TASK_TRANSITIONS, Cause, Job, JobStatus, TaskStatus
from dalston.db.compiled import locking as sql
from dalston.db.reading import job_of
from dalston.db.statements import Connection, Row


class LockedTask(msgspec.Struct):
    """A task's row, held for the length of the transaction and kept up with what it changes."""

    id: str
    job_id: str
    engine_id: str
    status: TaskStatus
    hand_out: int
    token: str | None
    instance: str | None
    failures: int
    losses: int
    restarts: int
    final: bool
    optional: bool
    expands: bool

    def is_attempt(self, attempt: Attempt) -> bool:
        """Tell whether an attempt is the one that this row is bound to."""
        return (
            self.job_id == attempt.job_id
            and self.hand_out == attempt.hand_out
            and self.token == attempt.token
        )

    def may_bind(self, attempt: Attempt) -> bool:
        """Tell whether an attempt is the first one heard of for the current hand-out."""
        return (
            self.status is TaskStatus.READY
            and self.job_id == attempt.job_id
            and self.hand_out == attempt.hand_out
        )

    def move(self, after: TaskStatus, attempt: Attempt) -> None:
        """Follow a transition of the row; a return to ready is the next hand-out.

        Raises:
            ValueError: No such transition is allowed, whatever a message says.
        """
        if after not in TASK_TRANSITIONS[self.status]:
            raise ValueError(f"a task can't go from {self.status} to {after}")
        returned = after is TaskStatus.READY
        self.status = after
        self.token = None if returned else attempt.token
        self.instance = None if returned else attempt.instance
        self.hand_out += int(returned)

    def count(self, cause: Cause) -> int:
        """Return how often the task has come back for a cause."""
        counts = {
            Cause.RETRY: self.failures,
            Cause.LOST: self.losses,
            Cause.RESTART: self.restarts,
        }
        return counts.get(cause, 0)


class Locked(msgspec.Struct):
    """The rows that a transaction holds, by id.

    Attributes:
        jobs: As they were when they were locked.
        job_status: Kept up with what the transaction changes.
        tasks: Likewise.
        ready: What the transaction made ready, for the queues.
    """

    jobs: dict[str, Job]
    job_status: dict[str, JobStatus]
    tasks: dict[str, LockedTask]
    ready: list[QueueEntry]

    def is_live(self, job_id: str) -> bool:
        """Tell whether a job is there and has not ended."""
        return self.job_status.get(job_id) in LIVE_JOB


async def lock(
    connection: Connection, job_ids: Iterable[str], task_ids: Iterable[str] = ()
) -> Locked:
    """Lock jobs, then tasks, each in ascending order, so that no two transactions wait in a ring.

    Args:
        connection: An open write transaction.
        job_ids: All jobs that the transaction will touch.
        task_ids: The tasks that it will hand to a transition of a single task.
    """
    job_rows = await connection.fetch(sql.LOCK_JOBS, job_ids=sorted(set(job_ids)))
    wanted = sorted(set(task_ids))
    task_rows = await connection.fetch(sql.LOCK_TASKS, task_ids=wanted) if wanted else []
    found = {row.id: job_of(row) for row in job_rows}
    return Locked(
        jobs=found,
        job_status={job_id: job.status for job_id, job in found.items()},
        tasks={row.id: _locked_task(row) for row in task_rows},
        ready=[],
    )


def _locked_task(row: Row) -> LockedTask:
    task = LockedTask(*row)
    task.status = TaskStatus(row.status)
    task.final, task.optional = bool(row.final), bool(row.optional)
    task.expands = bool(row.expands)
    return task
