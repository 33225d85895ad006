"""What each event changes: one function for each, on a batch of them, in one transaction.

Nothing here talks to Redis or to the store: what has to be read from them is read before the
transaction (`preparation.py`), and what has to be said is collected in `Effects` and said after it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from dalston.common.engine_spec import Catalog, Retries
from dalston.common.errors import DalstonError, UnknownPipelineError
from dalston.common.messages import (
    Attempt,
    ChunkReady,
    JobCreated,
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
    JobStatus,
    PlannedTask,
    TaskStatus,
)
from dalston.db import jobs as transitions
from dalston.db.abandoned import take_due
from dalston.db.locking import Locked, lock
from dalston.db.overdue import UnplannedJob, WaitingTask, give_up_tasks, is_unplanned
from dalston.db.statements import Connection
from dalston.db.transcripts import Transcript
from dalston.db.verdict import Verdict
from dalston.orchestrator.batches import Batch, Effects, TaskReturned
from dalston.orchestrator.dag import build_task_dag
from dalston.orchestrator.expansion import Cut, can_expand, expand
from dalston.orchestrator.resuming import plan_resumed

_RETRIES = Retries()


async def apply(connection: Connection, catalog: Catalog, batch: Batch) -> Effects:
    """Apply a batch inside an open write transaction.

    Returns:
        What has to be told to others after the commit.
    """
    effects = Effects()
    locked = await lock(connection, batch.job_ids(), batch.task_ids())
    await handle_jobs_created(connection, locked, catalog, batch, effects)
    await handle_jobs_resumed(connection, locked, catalog, batch, effects)
    await handle_tasks_started(connection, locked, batch, effects)
    await handle_chunks_ready(connection, locked, catalog, batch, effects)
    await handle_tasks_completed(connection, locked, catalog, batch, effects)
    await handle_tasks_failed(connection, locked, catalog, batch, effects)
    await handle_tasks_returned(connection, locked, batch, effects)
    await handle_overdue(connection, locked, batch, effects)
    await handle_abandoned(connection, locked, batch, effects)
    await repair_jobs(connection, locked, batch, effects)
    effects.publish = locked.ready
    effects.doubtful = batch.uncopied | (batch.copied - effects.ended.keys())
    return effects


async def handle_jobs_created(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch, effects: Effects
) -> None:
    """Plan jobs: their tasks exist from now on, the first ones are ready."""
    plans: dict[str, list[PlannedTask]] = {}
    unplannable: dict[str, Failure] = {}
    for event in batch.of(JobCreated):
        job = locked.jobs.get(event.job_id)
        if job is None or job.status is not JobStatus.PENDING or job.resumed:
            continue
        try:
            plans[job.id] = build_task_dag(job, catalog)
        except UnknownPipelineError:
            # An orchestrator of another version may know it (`Waits.give_up_planning`).
            continue
        except DalstonError as error:
            unplannable[job.id] = Failure(error.code, error.message)
    effects.started += await transitions.start_jobs(connection, locked, plans)
    await _fail_jobs(connection, locked, unplannable, effects)


async def handle_jobs_resumed(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch, effects: Effects
) -> None:
    """Plan what is left to do of jobs that had ended; what they keep is done already."""
    plans, unplannable = await plan_resumed(connection, locked, catalog, batch)
    started = await transitions.start_jobs(connection, locked, plans)
    effects.started += started
    await _fail_jobs(connection, locked, unplannable, effects)
    if started:
        await transitions.ready_tasks_of(connection, locked, started)
        await _complete_jobs(connection, locked, started, effects)


async def handle_tasks_started(
    connection: Connection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Bind attempts to their rows; tell those that are too late to stop."""
    attempts = batch.of(TaskStarted)
    verdicts = await transitions.start_attempts(connection, locked, attempts)
    _collect(locked, attempts, verdicts, effects, keep={Verdict.APPLIED, Verdict.REPEATED})


async def handle_chunks_ready(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch, effects: Effects
) -> None:
    """Plan the work on chunks whose recording is still being cut."""
    attempts = batch.of(ChunkReady)
    if not attempts:
        return
    # A chunk implies the start whose message was lost or comes later.
    verdicts = await transitions.start_attempts(connection, locked, attempts)
    count = {Verdict.APPLIED, Verdict.REPEATED}
    _collect(locked, attempts, verdicts, effects, keep=count)
    cuts: dict[str, Cut] = {}
    for event, verdict in zip(attempts, verdicts, strict=True):
        if verdict in count and can_expand(locked, catalog, event):
            cuts.setdefault(event.job_id, Cut({}, whole=False)).parts[event.index] = event.part
    await _fail_jobs(connection, locked, await expand(connection, locked, catalog, cuts), effects)


async def handle_tasks_completed(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch, effects: Effects
) -> None:
    """Accept outputs, expand jobs, ready what waited, and complete the jobs that are done.

    Raises:
        ValueError: An event doesn't say that its task expands the job. The sweep, which looks
            into the row, will.
    """
    attempts: list[TaskCompleted] = []
    others: list[TaskCompleted] = []
    for attempt in batch.of(TaskCompleted):
        is_ours = not _expands(locked, batch, attempt) or can_expand(locked, catalog, attempt)
        (attempts if is_ours else others).append(attempt)
    if others:
        # Whoever knows their pipelines finds these outcomes in the leases and in the store.
        started = await transitions.start_attempts(connection, locked, others)
        _collect(locked, others, started, effects, keep={Verdict.APPLIED, Verdict.REPEATED})
    verdicts = await transitions.complete_tasks(connection, locked, attempts, batch.small)
    _collect(locked, attempts, verdicts, effects)
    accepted = [
        attempt
        for attempt, verdict in zip(attempts, verdicts, strict=True)
        if verdict is Verdict.APPLIED
    ]
    if not accepted:
        return
    cuts = {
        attempt.job_id: Cut(dict(enumerate(found)), whole=True)
        for attempt in accepted
        if (found := batch.parts.get(attempt.task_id))
    }
    if cuts:
        failures = await expand(connection, locked, catalog, cuts)
        await _fail_jobs(connection, locked, failures, effects)
    # Nothing comes after a job's last task.
    task_ids = [a.task_id for a in accepted if not locked.tasks[a.task_id].final]
    if task_ids:
        await transitions.ready_dependents(connection, locked, task_ids)
    done = [attempt.job_id for attempt in accepted if locked.tasks[attempt.task_id].final]
    if done:
        await _complete_jobs(connection, locked, sorted(set(done)), effects)
        effects.transcripts += [
            Transcript(attempt.job_id, locked.jobs[attempt.job_id].version, batch.small[attempt])
            for attempt in accepted
            if attempt in batch.small and attempt.job_id in effects.ended
        ]


def _expands(locked: Locked, batch: Batch, attempt: Attempt) -> bool:
    """Tell whether a finished task expands its job.

    Raises:
        ValueError: It does, and its chunks have not been read.
    """
    task = locked.tasks.get(attempt.task_id)
    if task is None or not task.expands:
        return False
    if not batch.parts.get(attempt.task_id):
        raise ValueError(f"the chunks of {attempt.task_id} have not been read")
    return True


async def handle_tasks_failed(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch, effects: Effects
) -> None:
    """Try again if that may help and tries are left; otherwise fail the task and its job.

    A task that is tried again waits in the database, longer each time.
    """
    again: list[tuple[Attempt, Failure]] = []
    final: list[tuple[Attempt, Failure]] = []
    pauses: dict[str, float] = {}
    for event in batch.of(TaskErrored):
        task = locked.tasks.get(event.task_id)
        spec = None if task is None else catalog.engines.get(task.engine_id)
        retries = _RETRIES if spec is None else spec.retries
        failures = 1 if task is None else task.failures + 1
        limit = min(retries.tries, CODE_LIMITS.get(event.error.code, retries.tries))
        # A row that isn't there has its message refused.
        retry = event.error.retryable and (task is None or failures < limit)
        (again if retry else final).append((event, event.error))
        pauses[event.task_id] = retries.pause(failures, random.random())  # noqa: S311 - no secret
    verdicts = await transitions.return_tasks(connection, locked, again, Cause.RETRY, pauses)
    _collect(locked, [attempt for attempt, _ in again], verdicts, effects)
    await _fail_tasks(connection, locked, final, effects)


async def handle_tasks_returned(
    connection: Connection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Make tasks ready again whose engine handed them back, died or was restarted."""
    stopped = Failure("engine_stopped", "the engine was told to stop")
    released = [
        TaskReturned(event, Cause.RELEASED, event.missed or stopped)
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


async def handle_overdue(
    connection: Connection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Fail jobs that are past their deadline, and tasks for which no engine came."""
    late: dict[str, Failure] = {}
    waiting: dict[WaitingTask, Failure] = {}
    for item in batch.overdue:
        if isinstance(item.found, WaitingTask):
            waiting[item.found] = item.error
        elif isinstance(item.found, UnplannedJob):
            if is_unplanned(locked, item.found):
                late[item.found.job_id] = item.error
        elif (job := locked.jobs.get(item.found.job_id)) and job.resumed == item.found.resumed:
            late[job.id] = item.error
    if late:
        await _fail_jobs(connection, locked, late, effects)
    if waiting:
        given_up = await give_up_tasks(connection, locked, waiting)
        reasons = [(task.job_id, task.task_id, waiting[task]) for task in given_up]
        await _go_on_without(connection, locked, reasons, effects)


async def handle_abandoned(
    connection: Connection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Cancel jobs whose clients have gone away, unless they have come back since."""
    if not batch.abandoned:
        return
    due = await take_due(connection, batch.abandoned)
    for job_id in await transitions.cancel_jobs(connection, locked, due):
        effects.ended[job_id] = JobStatus.CANCELLED
        effects.withdraw.append(job_id)


async def repair_jobs(
    connection: Connection, locked: Locked, batch: Batch, effects: Effects
) -> None:
    """Move on jobs that the sweep found with nothing to wait for."""
    live = [job_id for job_id in batch.repair if locked.is_live(job_id)]
    if not live:
        return
    await transitions.ready_tasks_of(connection, locked, live)
    await _complete_jobs(connection, locked, live, effects)


async def _complete_jobs(
    connection: Connection, locked: Locked, job_ids: Sequence[str], effects: Effects
) -> None:
    for job_id in await transitions.complete_jobs(connection, locked, job_ids):
        effects.ended[job_id] = JobStatus.COMPLETED


async def _fail_tasks(
    connection: Connection,
    locked: Locked,
    failed: Sequence[tuple[Attempt, Failure]],
    effects: Effects,
) -> None:
    verdicts = await transitions.fail_tasks(connection, locked, failed)
    _collect(locked, [attempt for attempt, _ in failed], verdicts, effects)
    applied = [
        (attempt.job_id, attempt.task_id, failure)
        for (attempt, failure), verdict in zip(failed, verdicts, strict=True)
        if verdict is Verdict.APPLIED
    ]
    await _go_on_without(connection, locked, applied, effects)


async def _go_on_without(
    connection: Connection,
    locked: Locked,
    failed: Sequence[tuple[str, str, Failure]],
    effects: Effects,
) -> None:
    """Fail the jobs of failed tasks, unless they can do without them.

    Args:
        connection: An open write transaction.
        locked: The rows.
        failed: Job id, task id and reason of each.
        effects: What has to be told.
    """
    reasons: dict[str, Failure] = {}
    left_out: list[str] = []
    for job_id, task_id, failure in failed:
        if locked.tasks[task_id].optional:
            left_out.append(task_id)
        else:
            reasons.setdefault(job_id, failure)
    await _fail_jobs(connection, locked, reasons, effects)
    if left_out:
        await transitions.ready_dependents(connection, locked, left_out)


async def _fail_jobs(
    connection: Connection, locked: Locked, reasons: dict[str, Failure], effects: Effects
) -> None:
    for job_id in await transitions.fail_jobs(connection, locked, reasons):
        effects.ended[job_id] = JobStatus.FAILED
        effects.withdraw.append(job_id)


def _tries_left(locked: Locked, attempt: Attempt, cause: Cause) -> bool:
    task = locked.tasks.get(attempt.task_id)
    limit = ATTEMPT_LIMITS.get(cause)
    return task is None or limit is None or task.count(cause) + 1 < limit


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
            again = task.status is TaskStatus.READY
            (effects.fill if again else effects.room).add(task.engine_id)
        if verdict not in keep:
            effects.close.append((attempt.task_id, attempt.hand_out, attempt.token))
