"""The supervisor of an engine: claims tasks, has a child do them, reports what came of it.

The engine's code never runs here. A hang, a crash or memory running out kills the child; this
process says so within a second and starts another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import DalstonError, StoreUnavailableError
from dalston.common.events import EventBus
from dalston.common.messages import (
    Attempt,
    TaskCompleted,
    TaskErrored,
    TaskReleased,
    TaskStarted,
)
from dalston.common.models import Failure
from dalston.common.queue import EngineInstance, LeaseState, TaskQueue
from dalston.common.storage import ObjectStore
from dalston.common.transcript import check_stage_output
from dalston.engine_sdk.claims import Claim, Claimer, Prefetch
from dalston.engine_sdk.deadline import Pace, deadline_seconds
from dalston.engine_sdk.io import check_files, store_failure, store_output
from dalston.engine_sdk.leases import LeaseKeeper
from dalston.engine_sdk.process import ChildOutput, ChildProcess, ChildTask, SetupFailedError

log = structlog.get_logger(__name__)

_WATCH_SECONDS = 0.25
"""How often a computing task's progress is looked at, to fetch the next one in time."""
_CLAIM_PAUSE_SECONDS = 1.0
_FIRST_SETUP_PAUSE = 2.0
_LONGEST_SETUP_PAUSE = 60.0


@dataclass(frozen=True)
class RunnerSettings:
    """How an engine is run.

    Attributes:
        instance: Name of this engine instance, unique among all that run.
        config: The engine's configuration: its defaults and what the server's settings say.
        slots: Tasks at a time, each in a child of its own.
        grace_seconds: How long a running task may go on after the order to stop.
        temporary_folder: Where inputs and outputs lie while a task runs.
        environment: The children's environment.
    """

    instance: str
    config: dict[str, Any]
    slots: int
    grace_seconds: float
    temporary_folder: Path
    environment: Mapping[str, str]


class EngineRunner:
    """Runs one engine until it is told to stop."""

    def __init__(
        self,
        spec: EngineSpec,
        queue: TaskQueue,
        events: EventBus,
        store: ObjectStore,
        settings: RunnerSettings,
    ) -> None:
        self.spec = spec
        self._queue = queue
        self._store = store
        self._settings = settings
        self._stopping = asyncio.Event()
        self._grace_over = asyncio.Event()
        self._ready_slots = 0
        self.keeper = LeaseKeeper(queue, events, self._instance("loading", "starting"))
        self._claimer = Claimer(
            spec, settings.config, queue, store, self.keeper, settings.temporary_folder
        )

    def stop(self) -> None:
        """Take no new task; finish or hand back what runs, within the grace period."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve the queue until `stop` is called."""
        self._settings.temporary_folder.mkdir(parents=True, exist_ok=True)
        renewing = asyncio.create_task(self.keeper.run())
        waiting = asyncio.create_task(self._end_grace())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.slots):
                    group.create_task(self._serve_slot())
        finally:
            renewing.cancel()
            waiting.cancel()
        await self._leave()

    async def _end_grace(self) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._settings.grace_seconds)
        self._grace_over.set()

    async def _leave(self) -> None:
        try:
            await self._queue.leave(self.spec.id, self._settings.instance)
        except Exception as error:  # noqa: BLE001 - it expires by itself
            log.warning("could_not_leave", engine_id=self.spec.id, reason=repr(error))

    def _instance(
        self, state: str, message: str = "", progress: tuple[float, float] | None = None
    ) -> EngineInstance:
        return EngineInstance(
            instance=self._settings.instance,
            engine_id=self.spec.id,
            slots=self._ready_slots,
            state=state,
            message=message,
            progress=progress,
            version=self.spec.version,
        )

    async def _announce(self, instance: EngineInstance) -> None:
        self.keeper.announcement = instance
        try:
            await self._queue.announce(instance)
        except Exception as error:  # noqa: BLE001 - the keeper announces again within a second
            log.debug("announcement_failed", reason=repr(error))

    async def _serve_slot(self) -> None:
        slot = _Slot(self._claimer)
        while not self._stopping.is_set():
            child = await self._started_child()
            if child is None:
                break
            self._ready_slots += 1
            await self._announce(self._instance("ready"))
            try:
                await self._serve_with(child, slot)
            finally:
                self._ready_slots -= 1
                await child.close()
        await slot.prefetch.give_up()

    async def _started_child(self) -> ChildProcess | None:
        """Start a child and set the engine up; try again until that works or a stop comes."""
        pause = _FIRST_SETUP_PAUSE
        while not self._stopping.is_set():
            child = ChildProcess(self.spec, self._settings.config, self._settings.environment)
            starting = asyncio.create_task(child.start(self._show_setup))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await child.kill()
                return None
            try:
                starting.result()
            except Exception as error:  # noqa: BLE001 - an engine may send anything while it loads
                await child.kill()
                await self._setup_failed(error, pause)
                pause = min(2 * pause, _LONGEST_SETUP_PAUSE)
            else:
                log.info("engine_ready", engine_id=self.spec.id, pid=child.pid)
                return child
        return None

    def _show_setup(self, message: str, done: float | None, total: float | None) -> None:
        progress = None if done is None or not total else (done, total)
        self.keeper.announcement = self._instance("loading", message, progress)
        shown = {} if progress is None else {"percent": round(100 * progress[0] / progress[1])}
        log.info("engine_loading", engine_id=self.spec.id, message=message, **shown)

    async def _setup_failed(self, error: Exception, pause: float) -> None:
        code = error.failure.code if isinstance(error, SetupFailedError) else "engine_crashed"
        log.error("engine_setup_failed", engine_id=self.spec.id, code=code, reason=str(error))
        await self._announce(self._instance("failed", str(error)))
        try:
            await asyncio.wait_for(self._stopping.wait(), pause)
        except TimeoutError:
            return

    async def _serve_with(self, child: ChildProcess, slot: _Slot) -> None:
        """Do tasks as long as the child lives."""
        while child.is_alive() and not self._stopping.is_set():
            claim = await self._next_claim(slot)
            if claim is None:
                continue
            if not child.is_alive():
                await self._claimer.hand_back(claim)
                return
            try:
                await self._do(claim, child, slot)
            except Exception:
                # A fault of our own: without renewal the lease ends, and the task is tried again.
                claim.log.exception("task_abandoned")
                self.keeper.drop(claim.lease)
                # The child may still be at it, and must not answer to the next task.
                await child.kill()
            finally:
                claim.discard()

    async def _next_claim(self, slot: _Slot) -> Claim | None:
        try:
            return await slot.prefetch.take() or await self._claimer.claim()
        except Exception:
            # One entry that nobody can handle must not end the engine.
            log.exception("claim_failed", engine_id=self.spec.id)
            await asyncio.sleep(_CLAIM_PAUSE_SECONDS)
            return None

    async def _do(self, claim: Claim, child: ChildProcess, slot: _Slot) -> None:
        """Carry one task through to a reported outcome, or give it up."""
        if self._stopping.is_set() and claim.lease.said is None:
            await self._claimer.hand_back(claim)
            return
        claim.lease.state = LeaseState.RUNNING
        await self.keeper.say(claim.lease, _event(TaskStarted, claim.attempt))
        claim.log.info("task_started", instance=self._settings.instance)
        started = time.monotonic()
        try:
            if not await self._while_wanted(claim, self._claimer.fetch(claim)):
                return
        except StoreUnavailableError:
            # Not the task's fault: whoever reaches the store shall do it, uncharged.
            await self._release(claim)
            return
        except (DalstonError, OSError) as error:
            await self._report_failure(claim, _input_failure(error))
            return
        if claim.inputs is None or claim.lease.closed.is_set():
            return
        result = await self._compute(claim, claim.inputs, child, slot)
        slot.pace.add(time.monotonic() - started)
        if isinstance(result, ChildOutput):
            await self._report_output(claim, result)
        elif isinstance(result, Failure):
            await self._report_failure(claim, result)

    async def _compute(
        self, claim: Claim, task: ChildTask, child: ChildProcess, slot: _Slot
    ) -> ChildOutput | Failure | None:
        """Let the child work, and stop it when its time, its lease or our own is over."""

        def show(done: float, total: float) -> None:
            claim.lease.progress = (done, total)

        limit = deadline_seconds(self.spec.limits, claim.entry.audio_bytes, task.previous_outputs)
        started = time.monotonic()
        working = asyncio.create_task(child.run(task, show))
        closed = asyncio.create_task(claim.lease.closed.wait())
        stopped = asyncio.create_task(self._grace_over.wait())
        try:
            while True:
                elapsed = time.monotonic() - started
                ends_soon = slot.pace.ends_soon(elapsed, claim.lease.progress)
                if ends_soon and not self._stopping.is_set():
                    slot.prefetch.begin()
                done, _ = await asyncio.wait(
                    {working, closed, stopped},
                    timeout=_WATCH_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done or elapsed > limit:
                    break
            if working.done():
                return working.result()
            await child.kill()
        finally:
            for waiting in (working, closed, stopped):
                waiting.cancel()
        if closed.done() and claim.lease.closed.is_set():
            claim.log.info("attempt_closed")
            return None
        if self._grace_over.is_set():
            await self._release(claim)
            return None
        text = f"The engine took longer than {limit:.0f} s, which its engine.yaml allows for this."
        return Failure("engine_timeout", text, retryable=True)

    async def _while_wanted(self, claim: Claim, work: Coroutine[Any, Any, None]) -> bool:
        """Let something slow go on until the attempt is closed or our own time is over.

        Returns:
            Whether it came to its end; if not, the task has been handed back.
        """
        working = asyncio.create_task(work)
        closed = asyncio.create_task(claim.lease.closed.wait())
        stopped = asyncio.create_task(self._grace_over.wait())
        await asyncio.wait({working, closed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        closed.cancel()
        stopped.cancel()
        if working.done():
            working.result()
            return True
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        if not claim.lease.closed.is_set():
            await self._release(claim)
        return False

    async def _release(self, claim: Claim) -> None:
        await self.keeper.say(claim.lease, _event(TaskReleased, claim.attempt))
        self.keeper.drop(claim.lease)
        claim.log.info("task_released")

    async def _report_output(self, claim: Claim, output: ChildOutput) -> None:
        try:
            check_stage_output(claim.entry.stage, output.data)
            check_files(output, claim.folder, self.spec.produces)
        except ValueError as error:
            text = f"The engine {self.spec.id} returned what its stage must not: {error}."
            await self._report_failure(
                claim, Failure("invalid_engine_output", text, retryable=True)
            )
            return
        try:
            stored = store_output(self._store, claim.attempt, output)
            if not await self._while_wanted(claim, stored):
                return
        except DalstonError as error:
            text = f"The result could not be stored: {error.message}"
            await self._report_failure(claim, Failure("output_store_failed", text, retryable=True))
            return
        await self.keeper.say(claim.lease, _event(TaskCompleted, claim.attempt))
        claim.log.info("task_completed")

    async def _report_failure(self, claim: Claim, failure: Failure) -> None:
        try:
            await store_failure(self._store, claim.attempt, failure)
        except DalstonError as error:
            # The lease and the event still carry the reason.
            claim.log.warning("failure_not_stored", reason=repr(error))
        await self.keeper.say(claim.lease, _event(TaskErrored, claim.attempt, error=failure))
        claim.log.warning("task_failed", code=failure.code, retryable=failure.retryable)


class _Slot:
    """What one slot remembers from task to task."""

    def __init__(self, claimer: Claimer) -> None:
        self.prefetch = Prefetch(claimer)
        self.pace = Pace()


def _input_failure(error: DalstonError | OSError) -> Failure:
    if isinstance(error, DalstonError):
        return Failure(error.code, error.message, retryable=True)
    text = f"There is no room for the engine's temporary files ({error.strerror}). Free some."
    return Failure("no_temporary_space", text, retryable=True)


def _event(kind: type[Any], attempt: Attempt, **more: object) -> Any:  # noqa: ANN401 - of that kind
    return kind(**msgspec.structs.asdict(attempt), **more)
