"""The supervisor of an engine: claims tasks, has a child do them, reports what came of it.

The engine's code never runs here. A hang, a crash or memory running out kills the child; this
process says so within a second and starts another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from redis.exceptions import RedisError

from dalston.common.engine_spec import EngineSpec
from dalston.common.events import EventBus
from dalston.common.models import Failure
from dalston.common.queue import EngineInstance, TaskQueue
from dalston.common.redis import in_words
from dalston.common.storage import ObjectStore
from dalston.engine_sdk.availability import Availability
from dalston.engine_sdk.claims import POP_SECONDS, Claimer
from dalston.engine_sdk.folders import FolderPool
from dalston.engine_sdk.leases import LeaseKeeper
from dalston.engine_sdk.memory import MemoryKeeper, Tenant
from dalston.engine_sdk.process import ChildProcess, SetupFailedError
from dalston.engine_sdk.reports import Reporter
from dalston.engine_sdk.slot import Slot

log = structlog.get_logger(__name__)

_FIRST_SETUP_PAUSE = 2.0
_LONGEST_SETUP_PAUSE = 60.0
_WAKING_PAUSE = 0.1
"""While other slots wake up for what waits."""


@dataclass(frozen=True)
class RunnerSettings:
    """How an engine is run.

    Attributes:
        instance: Name of this engine instance, unique among all that run.
        config: The engine's configuration: its defaults and what the server's settings say.
        slots: Tasks at a time, each in a child of its own; more if the engine needs more.
        grace_seconds: How long a running task may go on after the order to stop.
        temporary_folder: Where inputs and outputs lie while a task runs.
        environment: The children's environment.
        idle_seconds: How long a child may have nothing to do before it is ended.
        lazy: Whether the first child is started by the first task and not at once.
        environments: The folder of the Python environments that engines have of their own.
        watched: Folders that change when models or environments are brought or removed.
    """

    instance: str
    config: dict[str, Any]
    slots: int
    grace_seconds: float
    temporary_folder: Path
    environment: Mapping[str, str]
    idle_seconds: float = 900.0
    lazy: bool = False
    environments: Path | None = None
    watched: tuple[Path, ...] = ()


class EngineRunner:
    """Runs one engine until it is told to stop. Made in the loop that it runs in.

    Args:
        spec: The engine.
        queue: Where its tasks come from.
        events: Where their ends are said.
        store: Where inputs and outputs are kept.
        settings: How it is run.
        memory: What it shares with other engines; enough for itself if None.
    """

    def __init__(  # noqa: PLR0917 - the parts that a runner needs
        self,
        spec: EngineSpec,
        queue: TaskQueue,
        events: EventBus,
        store: ObjectStore,
        settings: RunnerSettings,
        memory: MemoryKeeper | None = None,
    ) -> None:
        self.spec = spec
        self._queue = queue
        self._settings = settings
        slots = max(settings.slots, spec.needs.slots)
        self._memory = memory or MemoryKeeper(slots * self._megabytes())
        loop = asyncio.get_running_loop()
        self._stopping: asyncio.Future[None] = loop.create_future()
        self._grace_over: asyncio.Future[None] = loop.create_future()
        self._ready_slots = self._sleeping_slots = self._waking_slots = self._loading_slots = 0
        self._state = ("idle", "", "") if settings.lazy else ("loading", "starting", "")
        self._progress: tuple[float, float] | None = None
        self._availability = Availability(spec, settings.watched, self._new_child)
        self._folders = FolderPool(settings.temporary_folder, settings.instance)
        self.keeper = LeaseKeeper(queue, events, self._instance)
        self._claimer = Claimer(
            spec, settings.instance, settings.config, queue, store, self.keeper, self._folders
        )
        self._reporter = Reporter(spec, store, self.keeper, self._claimer, self._grace_over)
        self._slots = [self._new_slot() for _ in range(slots)]

    def _new_slot(self) -> Slot:
        parts = (self._claimer, self._reporter, self.keeper)
        return Slot(self.spec, *parts, self._stopping, self._grace_over)

    def _megabytes(self) -> int:
        return self.spec.memory_mb(self._settings.config)

    def _new_child(self) -> ChildProcess:
        how = self._settings
        return ChildProcess(self.spec, how.config, how.environment, how.environments)

    def stop(self) -> None:
        """Take no new task; finish or hand back what runs, within the grace period."""
        if not self._stopping.done():
            self._stopping.set_result(None)

    async def run(self) -> None:
        """Serve the queue until `stop` is called."""
        self._folders.open()
        renewing = asyncio.create_task(self.keeper.run())
        ending = asyncio.create_task(self._end())
        looking = self._availability.watch(self._look_again, at_once=not self._settings.lazy)
        watching = asyncio.create_task(looking)
        try:
            if await self._becomes_usable():
                async with asyncio.TaskGroup() as group:
                    for number, slot in enumerate(self._slots):
                        # What the engine needs beyond the settings takes memory only with work.
                        lazy = self._settings.lazy or number >= self._settings.slots
                        group.create_task(self._serve_slot(slot, lazy=lazy))
            await self._reporter.drain()
        finally:
            for task in (renewing, ending, watching):
                task.cancel()
            await asyncio.gather(renewing, ending, watching, return_exceptions=True)
            self._folders.close()
        await self._leave()

    async def _becomes_usable(self) -> bool:
        """Wait until the engine can work here; False if a stop comes first."""
        while not self._stopping.done():
            failure = self._lack_of_memory()
            if failure is None and self._settings.lazy:
                failure = await self._checked()
            if self._stopping.done():
                break
            if failure is None:
                self._become(*(("idle",) if self._settings.lazy else ("loading", "starting")))
                return True
            if self._state[1] != failure.message:
                await self._failed(failure)
            await self._pause(_LONGEST_SETUP_PAUSE)
        return False

    async def _checked(self) -> Failure | None:
        """Ask what there is; a stop ends that."""
        checking = asyncio.create_task(self._availability.check())
        try:
            await asyncio.wait((checking, self._stopping), return_when=asyncio.FIRST_COMPLETED)
            return checking.result() if checking.done() else None
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    def _lack_of_memory(self) -> Failure | None:
        if self._megabytes() <= self._memory.megabytes:
            return None
        return Failure(
            "not_enough_memory",
            f"The engine {self.spec.id} needs {self._megabytes()} MB, and all engines together "
            f"may take {self._memory.megabytes}. Raise DALSTON_ENGINE_MEMORY_MB, or name a smaller "
            f"model.",
        )

    async def _look_again(self) -> None:
        if self._availability.tells_of_models:
            await self._availability.check()

    async def _end(self) -> None:
        """Once told to stop, hand back at once what has not begun, and end the rest in time."""
        await asyncio.wait([self._stopping])
        loop = asyncio.get_running_loop()
        loop.call_later(self._settings.grace_seconds, self._grace_over.set_result, None)
        await asyncio.gather(*(slot.give_up() for slot in self._slots))

    async def _leave(self) -> None:
        try:
            await self._queue.leave(self.spec.id, self._settings.instance)
        except Exception as error:  # noqa: BLE001 - it expires by itself
            log.warning("could_not_leave", engine_id=self.spec.id, reason=in_words(error))

    def _instance(self) -> EngineInstance:
        """Return what the engine instance says about itself."""
        state, message, code = self._state
        return EngineInstance(
            instance=self._settings.instance,
            engine_id=self.spec.id,
            slots=self._ready_slots + self._sleeping_slots,
            state=state,
            message=message,
            code=code,
            model=str(self._settings.config.get("model") or ""),
            models=self._availability.models,
            progress=self._progress,
            version=self.spec.version,
            pace=self._pace(),
        )

    def _pace(self) -> float:
        """Return how many tasks one slot could do in a second; 0 while that isn't known."""
        known = [slot.pace.seconds for slot in self._slots if slot.pace.seconds]
        return round(len(known) / sum(known), 3) if known else 0.0

    def _become(
        self,
        state: str,
        message: str = "",
        progress: tuple[float, float] | None = None,
        *,
        code: str = "",
    ) -> None:
        self._state, self._progress = (state, message, code), progress

    async def _serve_slot(self, slot: Slot, *, lazy: bool) -> None:
        """Have a child while there is something to do, and a while longer."""
        tenant = Tenant(self._memory, self.spec.id, self._megabytes(), self._settings.idle_seconds)
        awake = not lazy or not self._availability.has_model
        awake = awake and tenant.admitted_at_once()
        pause = _FIRST_SETUP_PAUSE
        while not self._stopping.done():
            if not awake and not await self._admitted_for_work(tenant):
                continue
            awake = False
            try:
                child = await self._started_child()
                if child is not None:
                    awake = await self._serve_with(slot, child, tenant)
                    pause = _FIRST_SETUP_PAUSE
            finally:
                tenant.leave()
            if child is None:
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_SETUP_PAUSE)
                awake = tenant.admitted_at_once()
            elif awake:
                awake = tenant.admitted_at_once()
        await slot.give_up()

    async def _serve_with(self, slot: Slot, child: ChildProcess, tenant: Tenant) -> bool:
        """Let a child do tasks; return whether it died in the middle of them."""
        tenant.settle(child.close)
        self._ready_slots += 1
        self._become("ready")
        await self.keeper.announce()
        try:
            await slot.serve(child, tenant)
        finally:
            self._ready_slots -= 1
            unloaded = tenant.must_leave()
            await child.close()
        if unloaded:
            log.info("engine_unloaded", engine_id=self.spec.id)
        return not unloaded

    async def _admitted_for_work(self, tenant: Tenant) -> bool:
        """Wait until a task waits and there is memory for a child; False asks to look again."""
        self._sleeping_slots += 1
        try:
            if not self._ready_slots + self._loading_slots and self._state[0] != "failed":
                self._become("idle")
            if not await self._work_waits():
                return False
            self._waking_slots += 1
            try:
                return await self._admitted(tenant)
            finally:
                self._waking_slots -= 1
        finally:
            self._sleeping_slots -= 1

    async def _work_waits(self) -> bool:
        """Wait a moment for a task that no other slot wakes up for."""
        try:
            waits = await self._queue.has_entry(self.spec.id, POP_SECONDS)
            waiting = await self._queue.length(self.spec.id) if waits else 0
        except (RedisError, OSError) as error:
            log.warning("redis_unavailable", reason=in_words(error))
            waiting = 0
            await self._pause(_WAKING_PAUSE)
        if waiting > self._waking_slots:
            return True
        if waiting:
            await self._pause(_WAKING_PAUSE)
        return False

    async def _admitted(self, tenant: Tenant) -> bool:
        """Wait for memory; False if the work has gone to somebody else, or at a stop."""
        admission = asyncio.create_task(tenant.admitted())
        while not admission.done() and not self._stopping.done():
            await asyncio.wait(
                (admission, self._stopping),
                timeout=POP_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        if not self._stopping.done() and admission.done():
            admission.result()
            try:
                if await self._queue.length(self.spec.id):
                    return True
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=in_words(error))
        admission.cancel()
        await asyncio.gather(admission, return_exceptions=True)
        tenant.leave()
        return False

    async def _started_child(self) -> ChildProcess | None:
        """Start a child and set the engine up; None if that fails or a stop comes."""
        child = self._new_child()
        if not self._ready_slots and self._state[0] != "failed":
            self._become("loading", "starting")
        self._loading_slots += 1
        starting = asyncio.create_task(child.start(self._show_setup))
        try:
            await asyncio.wait((starting, self._stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._loading_slots -= 1
        if not starting.done():
            starting.cancel()
            await child.kill()
            return None
        try:
            starting.result()
        except Exception as error:  # noqa: BLE001 - an engine may send anything while it loads
            await child.kill()
            await self._failed(_failure_of(error))
            return None
        log.info("engine_ready", engine_id=self.spec.id, pid=child.pid)
        return child

    def _show_setup(self, message: str, done: float | None, total: float | None) -> None:
        progress = None if done is None or not total else (done, total)
        self._become("loading", message, progress)
        shown = {} if progress is None else {"percent": round(100 * progress[0] / progress[1])}
        log.info("engine_loading", engine_id=self.spec.id, message=message, **shown)

    async def _failed(self, failure: Failure) -> None:
        code, reason = failure.code, failure.message
        if self._settings.lazy and code == "engine_not_installed":
            # One that is only there for who asks for it may lack its packages for ever.
            log.info("engine_not_installed", engine_id=self.spec.id, reason=reason)
        else:
            log.error("engine_setup_failed", engine_id=self.spec.id, code=code, reason=reason)
        self._become("failed", reason, code=code)
        await self.keeper.announce()

    async def _pause(self, seconds: float) -> None:
        """Wait for a while, or until something is installed or a stop comes."""
        await asyncio.wait(
            (self._stopping, self._availability.changed),
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, SetupFailedError):
        return error.failure
    return Failure("engine_crashed", str(error), retryable=True)
