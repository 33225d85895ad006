"""What each event changes: one function for each, on a batch of them, in one transaction.

Nothing here talks to Redis or to the store: what has to be read from them is read before the
transaction (`prepare`), and what has to be said is collected in `Effects` and said after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.engine_spec import Catalog
from dalston.common.errors import DalstonError, ObjectMissingError, StoreUnavailableError
from dalston.common.messages import (
    Attempt,
    Event,
    JobCreated,
    JobUpdated,
    TaskCompleted,
    TaskErrored,
    TaskReleased,
    TaskStarted,
)
from dalston.common.models import (
    ATTEMPT_LIMITS,
    CODE_LIMITS,
    Cause,
    Failure,
    Job,
    JobStatus,
    PlannedTask,
)
from dalston.common.storage import ObjectStore, output_path, transcript_path
from dalston.db import jobs as transitions
from dalston.db import work
from dalston.db.locking import Locked, lock
from dalston.db.verdict import Verdict
from dalston.orchestrator.dag import build_task_dag
from dalston.orchestrator.parts import Parts

_Kind = TypeVar("_Kind", bound=Event)
log = structlog.get_logger(__name__)
_COPY_PAUSES = (0.1, 0.5, 1.0)
"""Seconds after each failed copy of a transcript."""


class TaskReturned(msgspec.Struct, frozen=True):
    """Not an event from outside: the sweep found that an attempt has ended without an outcome."""

    attempt: Attempt
    cause: Cause
    error: Failure


class Batch(msgspec.Struct):
    """Events that are handled together, and what was read for them before the transaction."""

    events: Sequence[Event] = ()
    returned: Sequence[TaskReturned] = ()
    repair: Sequence[str] = ()
    plans: dict[str, list[PlannedTask]] = {}
    unplannable: dict[str, Failure] = {}

    def split(self) -> list[Batch]:
        """Return one batch for each thing that this one is about."""
        return [
            *(Batch(events=[event]) for event in self.events),
            *(Batch(returned=[item]) for item in self.returned),
            *(Batch(repair=[job_id]) for job_id in self.repair),
        ]

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the events of a kind, each once, in the order in which they came."""
        return list(dict.fromkeys(event for event in self.events if isinstance(event, kind)))

    def job_ids(self) -> set[str]:
        """Return the jobs that the batch is about."""
        about = {event.job_id for event in self.events}
        return about | {item.attempt.job_id for item in self.returned} | set(self.repair)

    def task_ids(self) -> set[str]:
        """Return the tasks that the batch is about."""
        about = {event.task_id for event in self.events if isinstance(event, Attempt)}
        return about | {item.attempt.task_id for item in self.returned}


class Effects(msgspec.Struct):
    """What has to be told to others once the transaction is committed.

    Attributes:
        close: Task id, hand-out and token of attempts that count no more.
        fill: Engines whose queue may take more.
        ended: Jobs that have ended, with their status.
        withdraw: Jobs whose other tasks must be taken back from queues and engines.
    """

    close: list[tuple[str, int, str]] = []
    fill: set[str] = set()
    ended: dict[str, JobStatus] = {}
    withdraw: list[str] = []
    started: list[str] = []

    def updates(self) -> list[JobUpdated]:
        """Return what listeners of jobs should hear."""
        begun = [JobUpdated(job_id, JobStatus.RUNNING) for job_id in self.started]
        return begun + [JobUpdated(job_id, status) for job_id, status in self.ended.items()]


async def prepare(parts: Parts, batch: Batch) -> None:
    """Read and write what a batch needs outside of its transaction."""
    created = [event.job_id for event in batch.of(JobCreated)]
    completed = batch.of(TaskCompleted)
    if not created and not completed:
        return
    async with parts.database.read() as connection:
        pending = await work.pending_jobs(connection, created) if created else []
        ids = [event.task_id for event in completed]
        final = await work.final_tasks(connection, ids) if ids else set()
    for job in pending:
        _plan(job, parts.catalog, batch)
    missing = [
        event
        for event in completed
        if event.task_id in final and not await _copy_transcript(parts.store, event)
    ]
    batch.events = [event for event in batch.events if event not in missing]


def _plan(job: Job, catalog: Catalog, batch: Batch) -> None:
    try:
        batch.plans[job.id] = build_task_dag(job, catalog)
    except DalstonError as error:
        batch.unplannable[job.id] = Failure(error.code, error.message)


async def _copy_transcript(store: ObjectStore, event: TaskCompleted) -> bool:
    """Put the transcript where people look for it; what counts is the row's pointer.

    Returns:
        False if there is no output to copy: the job was deleted, or the message is forged.
    """
    about = {"job_id": event.job_id, "task_id": event.task_id, "attempt": event.hand_out}
    source = output_path(event.job_id, event.task_id, event.folder)
    for pause in _COPY_PAUSES:
        try:
            await store.copy(source, transcript_path(event.job_id))
        except ObjectMissingError:
            log.warning("output_missing", **about)
            return False
        except StoreUnavailableError as error:
            log.warning("transcript_not_copied", **about, reason=repr(error.__cause__))
            await asyncio.sleep(pause)
        else:
            return True
    # A store in trouble must not hold up the events of other jobs for the sake of a copy.
    return True


async def apply(connection: AsyncConnection, batch: Batch) -> Effects:
    """Apply a batch inside an open write transaction.

    Returns:
        What has to be told to others after the commit.
    """
    effects = Effects()
    locked = await lock(connection, batch.job_ids(), batch.task_ids())
    await handle_jobs_created(connection, locked, batch, effects)
    await handle_tasks_started(connection, locked, batch, effects)
    await handle_tasks_completed(connection, locked, batch, effects)
    await handle_tasks_failed(connection, locked, batch, effects)
    await handle_tasks_returned(connection, locked, batch, effects)
    await repair_jobs(connection, locked, batch, effects)
    return effects


async def handle_jobs_created(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Plan jobs: their tasks exist from now on, the first ones are ready."""
    effects.started = await transitions.start_jobs(connection, locked, batch.plans)
    for job_id in effects.started:
        effects.fill |= {task.engine_id for task in batch.plans[job_id] if not task.after}
    await _fail_jobs(connection, locked, batch.unplannable, effects)


async def handle_tasks_started(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Bind attempts to their rows; tell those that are too late to stop."""
    attempts = batch.of(TaskStarted)
    verdicts = await transitions.start_attempts(connection, locked, attempts)
    _collect(locked, attempts, verdicts, effects, keep={Verdict.APPLIED, Verdict.REPEATED})


async def handle_tasks_completed(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Accept outputs, ready what waited for them, and complete the jobs that are done."""
    attempts = batch.of(TaskCompleted)
    verdicts = await transitions.complete_tasks(connection, locked, attempts)
    _collect(locked, attempts, verdicts, effects)
    accepted = [
        attempt
        for attempt, verdict in zip(attempts, verdicts, strict=True)
        if verdict is Verdict.APPLIED
    ]
    if not accepted:
        return
    task_ids = [attempt.task_id for attempt in accepted]
    effects.fill |= await transitions.ready_dependents(connection, locked, task_ids)
    done = [attempt.job_id for attempt in accepted if locked.tasks[attempt.task_id].final]
    if done:
        await _complete_jobs(connection, locked, sorted(set(done)), effects)


async def handle_tasks_failed(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Try again if that may help and tries are left; otherwise fail the task and its job."""
    again: list[tuple[Attempt, Failure]] = []
    final: list[tuple[Attempt, Failure]] = []
    for event in batch.of(TaskErrored):
        retry = event.error.retryable and _tries_left(locked, event, Cause.RETRY, event.error.code)
        (again if retry else final).append((event, event.error))
    verdicts = await transitions.return_tasks(connection, locked, again, Cause.RETRY)
    _collect(locked, [attempt for attempt, _ in again], verdicts, effects)
    await _fail_tasks(connection, locked, final, effects)


async def handle_tasks_returned(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Make tasks ready again whose engine handed them back, died or was restarted."""
    released = [
        TaskReturned(
            event, Cause.RELEASED, Failure("engine_stopped", "the engine was told to stop")
        )
        for event in batch.of(TaskReleased)
    ]
    items = [*released, *batch.returned]
    for cause in {item.cause for item in items}:
        of_cause = [item for item in items if item.cause is cause]
        again = [item for item in of_cause if _tries_left(locked, item.attempt, cause)]
        pairs = [(item.attempt, item.error) for item in again]
        verdicts = await transitions.return_tasks(connection, locked, pairs, cause)
        _collect(locked, [item.attempt for item in again], verdicts, effects)
        spent = [(item.attempt, item.error) for item in of_cause if item not in again]
        await _fail_tasks(connection, locked, spent, effects)


async def repair_jobs(
    connection: AsyncConnection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Move on jobs that the sweep found with nothing to wait for."""
    live = [job_id for job_id in batch.repair if locked.is_live(job_id)]
    if not live:
        return
    effects.fill |= await transitions.ready_tasks_of(connection, locked, live)
    await _complete_jobs(connection, locked, live, effects)


async def _complete_jobs(
    connection: AsyncConnection, locked: Locked, job_ids: Sequence[str], effects: Effects
) -> None:
    for job_id in await transitions.complete_jobs(connection, locked, job_ids):
        effects.ended[job_id] = JobStatus.COMPLETED


async def _fail_tasks(
    connection: AsyncConnection,
    locked: Locked,
    failed: Sequence[tuple[Attempt, Failure]],
    effects: Effects,
) -> None:
    verdicts = await transitions.fail_tasks(connection, locked, failed)
    _collect(locked, [attempt for attempt, _ in failed], verdicts, effects)
    reasons: dict[str, Failure] = {}
    for (attempt, failure), verdict in zip(failed, verdicts, strict=True):
        if verdict is Verdict.APPLIED:
            reasons.setdefault(attempt.job_id, failure)
    await _fail_jobs(connection, locked, reasons, effects)


async def _fail_jobs(
    connection: AsyncConnection, locked: Locked, reasons: dict[str, Failure], effects: Effects
) -> None:
    for job_id in await transitions.fail_jobs(connection, locked, reasons):
        effects.ended[job_id] = JobStatus.FAILED
        effects.withdraw.append(job_id)


def _tries_left(locked: Locked, attempt: Attempt, cause: Cause, code: str = "") -> bool:
    task = locked.tasks.get(attempt.task_id)
    limit = ATTEMPT_LIMITS.get(cause)
    if task is None or limit is None:
        return True
    return task.count(cause) + 1 < min(limit, CODE_LIMITS.get(code, limit))


def _collect(
    locked: Locked,
    attempts: Sequence[Attempt],
    verdicts: Sequence[Verdict],
    effects: Effects,
    keep: frozenset[Verdict] | set[Verdict] = frozenset(),
) -> None:
    """Note which leases to close, and which engines have room for more."""
    for attempt, verdict in zip(attempts, verdicts, strict=True):
        task = locked.tasks.get(attempt.task_id)
        if task is not None:
            effects.fill.add(task.engine_id)
        if verdict not in keep:
            effects.close.append((attempt.task_id, attempt.hand_out, attempt.token))
