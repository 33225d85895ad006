"""Finds by the state, and not by events, what a crash or a wiped Redis left undone.

Every orchestrator sweeps once a second; no leader is needed, because what a sweep finds goes
through the same guarded transitions as events do. A step that fails doesn't stop the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from dalston.common.errors import ObjectMissingError, StoreUnavailableError
from dalston.common.messages import (
    UNREADABLE,
    Attempt,
    Event,
    JobCreated,
    JobResumed,
    TaskCompleted,
    TaskErrored,
)
from dalston.common.models import Cause, Failure
from dalston.common.queue import LEASE_SECONDS, Lease, LeaseState
from dalston.common.redis import in_words
from dalston.common.stages import FETCHER
from dalston.common.storage import failure_path, job_folder, output_path
from dalston.db import removal, work
from dalston.db.work import RunningTask
from dalston.orchestrator.batches import Batch, TaskReturned
from dalston.orchestrator.housekeeping import Housekeeping, was_deleted
from dalston.orchestrator.parts import Parts
from dalston.orchestrator.scheduler import Scheduler, as_event, outcome_event
from dalston.orchestrator.transcripts import TranscriptObjects
from dalston.orchestrator.waits import Waits

log = structlog.get_logger(__name__)

_BATCH = 200
"""Jobs that one step of a sweep takes on at most."""
_SLOW_EVERY = 10
"""Steps that can wait for ten seconds are taken in every tenth sweep."""

_CANCELLED_SECONDS = 100
"""For how long after a cancellation its engines are looked at; less than `SETTLE_SECONDS`."""

Process = Callable[[Batch], Awaitable[None]]


class Sweep:
    """One orchestrator's sweep.

    Args:
        process: Handles a batch in a transaction, as for events.
    """

    def __init__(
        self,
        parts: Parts,
        scheduler: Scheduler,
        transcripts: TranscriptObjects,
        process: Process,
    ) -> None:
        self._database = parts.database
        self._queue = parts.queue
        self._store = parts.store
        self._catalog = parts.catalog
        self._scheduler = scheduler
        self._transcripts = transcripts
        self._waits = Waits(parts, process)
        self._housekeeping = Housekeeping(parts)
        self._process = process
        self._count = 0
        self._refused = 0
        # Also of what was purged before this process began.
        self._is_wiped = False

    async def run_once(self) -> None:
        """Take every step; a failing one is logged and tried again by the next sweep."""
        steps: list[Callable[[], Awaitable[object]]] = [
            self._plan_pending_jobs,
            self._fill_queues,
            self._end_leases,
            self._stop_cancelled,
            self._waits.end_late_jobs,
            self._waits.cancel_abandoned,
        ]
        if self._count % _SLOW_EVERY == 0:
            steps += [
                self._fill_unknown_engines,
                self._waits.give_up_waiting,
                self._waits.give_up_planning,
                self._repair,
                self._purge,
                self._housekeeping.run_in_turn,
                self._transcripts.add_forgotten,
            ]
        self._count += 1
        for step in steps:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - the next sweep tries again, whatever it was
                log.warning("sweep_step_failed", step=step.__name__, reason=in_words(error))

    async def close(self) -> None:
        """Give up what goes on beside the sweeps."""
        await self._housekeeping.close()

    async def _plan_pending_jobs(self) -> None:
        async with self._database.read() as connection:
            jobs = await work.pending_jobs(
                connection,
                self._catalog.pipelines,
                _BATCH,
                fetches=FETCHER in self._catalog.engines,
            )
        if jobs:
            kinds = [(JobResumed if resumed else JobCreated, job_id) for job_id, resumed in jobs]
            await self._process(Batch(events=[kind(job_id) for kind, job_id in kinds]))

    async def _fill_queues(self) -> None:
        overheard = await self._scheduler.fill_and_look(self._catalog.engines)
        if overheard:
            await self._process(Batch(events=overheard))

    async def _end_leases(self) -> None:
        async with self._database.read() as connection:
            running = await work.running_tasks(connection)
        leases = await self._queue.leases([task.attempt.task_id for task in running])
        # Asked after the leases were read: a wipe in between would make them all look ended.
        steady = await self._queue.steady_seconds() >= LEASE_SECONDS
        events: list[Event] = []
        ended: list[RunningTask] = []
        for task in running:
            lease = leases.get(task.attempt.task_id)
            if _holds(lease, task.attempt):
                event = None if lease is None else outcome_event(task.attempt, lease, task)
                events += [] if event is None else [event]
            elif steady:
                ended.append(task)
        lost = Failure(
            "engine_lost",
            "The engine that worked on this stopped answering. Look at its log and its memory, "
            "then retry the job.",
        )
        await self._settle(ended, events, Cause.LOST, lost)

    async def _stop_cancelled(self) -> None:
        """Stop engines that still work on what was cancelled, should nobody have told them."""
        async with self._database.read() as connection:
            cancelled = await work.recently_cancelled(connection, _CANCELLED_SECONDS)
        leases = await self._queue.leases([task_id for _, task_id in cancelled])
        for engine_id, task_id in cancelled:
            lease = leases.get(task_id)
            if lease is not None and lease.state is not LeaseState.CLOSED:
                await self._queue.withdraw(engine_id, task_id)

    async def _fill_unknown_engines(self) -> None:
        """Publish also for engines that this orchestrator's catalog doesn't have."""
        async with self._database.read() as connection:
            waiting = await work.engines_with_ready_tasks(connection)
        unknown = waiting - set(self._catalog.engines)
        if unknown:
            log.warning("unknown_engines_wanted", engines=sorted(unknown))
            await self._scheduler.fill(unknown)

    async def take_back(self, instance_prefix: str) -> None:
        """Return what the instances of a server were doing that is known to be dead.

        Args:
            instance_prefix: Begins the names of all its engine instances.
        """
        async with self._database.read() as connection:
            running = await work.running_tasks(connection, instance_prefix=instance_prefix)
        restarted = Failure(
            "server_restarted",
            "The server was restarted again and again while it worked on this recording. Look "
            "at its log for what ends it, then retry the job.",
        )
        await self._settle(running, [], Cause.RESTART, restarted)

    async def _settle(
        self, ended: Sequence[RunningTask], events: list[Event], cause: Cause, reason: Failure
    ) -> None:
        """End attempts: by their outcome if the store has one, otherwise for the cause.

        Raises:
            StoreUnavailableError: For some nobody knows; they have been left as they are.
        """
        returned: list[TaskReturned] = []
        away: StoreUnavailableError | None = None
        outcomes = await asyncio.gather(*(self._known_outcome(task) for task in ended))
        for task, outcome in zip(ended, outcomes, strict=True):
            attempt = task.attempt
            if isinstance(outcome, StoreUnavailableError):
                away = outcome
            elif outcome is not None:
                events.append(outcome)
            else:
                returned.append(TaskReturned(attempt, cause, reason))
                log.warning(
                    "attempt_ended",
                    cause=cause.value,
                    job_id=attempt.job_id,
                    task_id=attempt.task_id,
                    attempt=attempt.hand_out,
                    instance=attempt.instance,
                )
        if events or returned:
            await self._process(Batch(events=events, returned=returned))
        if away is not None:
            raise away

    async def _known_outcome(self, task: RunningTask) -> Event | StoreUnavailableError | None:
        """Return the outcome that the store has, or why nobody can know."""
        about = {"job_id": task.attempt.job_id, "task_id": task.attempt.task_id}
        for _ in range(2):
            try:
                return await self._stored_outcome(task)
            except StoreUnavailableError as error:
                log.warning("outcome_not_read", **about, reason=repr(error.__cause__))
                # By the time that it is known to answer, it may have come back.
                if not await self._store.answers():
                    return error
        # It is about this object alone: as good as none.
        return None

    async def _stored_outcome(self, task: RunningTask) -> Event | None:
        attempt = task.attempt
        place = (attempt.job_id, attempt.task_id, attempt.folder)
        if await self._is_whole(output_path(*place)):
            return as_event(TaskCompleted, attempt, final=task.final, expands=task.expands)
        try:
            stored = await self._store.get(failure_path(*place))
        except ObjectMissingError:
            return None
        try:
            failure = msgspec.json.decode(stored, type=Failure)
        except UNREADABLE:
            text = "The engine failed, and its reason can't be read. Its log may say more."
            failure = Failure("invalid_engine_output", text, retryable=True)
        return as_event(TaskErrored, attempt, error=failure)

    async def _is_whole(self, path: str) -> bool:
        """Tell whether an output is there; after a loss of power it may be there and empty."""
        try:
            msgspec.json.decode(await self._store.get(path), type=msgspec.Raw)
        except ObjectMissingError:
            return False
        except UNREADABLE as error:
            log.warning("output_unreadable", path=path, reason=repr(error))
            return False
        return True

    async def _repair(self) -> None:
        async with self._database.read() as connection:
            job_ids = await work.overlooked_jobs(connection, _BATCH)
        if job_ids:
            log.warning("jobs_overlooked", jobs=job_ids)
            await self._process(Batch(repair=job_ids))

    async def purge_all(self) -> None:
        """Remove all that is left of deleted jobs: there is no engine that may still be writing."""
        self._refused = 0
        while await self._purge(0.0):
            continue

    async def _purge(self, settled: float = removal.SETTLE_SECONDS) -> bool:
        """Remove some jobs that were deleted so long ago; tell whether there may be more."""
        async with self._database.read() as connection:
            found = await removal.settled_jobs(connection, _BATCH, self._refused, settled)
            job_ids = await removal.few_enough(connection, found)
        gone = []
        for folder, job_id in ((job_folder(job_id), job_id) for job_id in job_ids):
            if await was_deleted(self._store, folder, self._store.delete_below(folder)):
                gone.append(job_id)
        if gone:
            async with self._database.write() as connection:
                await removal.purge_jobs(connection, gone)
            self._is_wiped = False
        # Those that the store refuses to delete stay in front: the next time goes on behind them,
        # and after the last job begins anew.
        is_more = len(found) == _BATCH or len(job_ids) < len(found)
        self._refused = self._refused + len(job_ids) - len(gone) if is_more else 0
        if not self._is_wiped:
            self._is_wiped = await self._database.wipe()
        return is_more


def _holds(lease: Lease | None, attempt: Attempt) -> bool:
    """Tell whether a lease is that of an attempt, and not ended."""
    return (
        lease is not None
        and lease.hand_out == attempt.hand_out
        and lease.token == attempt.token
        and lease.state is not LeaseState.CLOSED
    )
