"""The orchestrator: one loop over events, and one sweep a second."""

from __future__ import annotations

import asyncio
import os
import socket

import structlog
from redis.exceptions import RedisError

from dalston.common.errors import UnavailableError
from dalston.common.messages import Event
from dalston.common.redis import in_words
from dalston.db import work
from dalston.db.journal import note
from dalston.orchestrator.batches import Batch, Effects
from dalston.orchestrator.handlers import apply
from dalston.orchestrator.parts import Parts
from dalston.orchestrator.preparation import prepare
from dalston.orchestrator.scheduler import Scheduler
from dalston.orchestrator.sweep import Sweep
from dalston.orchestrator.transcripts import TranscriptObjects
from dalston.orchestrator.webhooks import Webhooks

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
_READ_SECONDS = 1.0
"""How long one read of the stream waits; short, so that a stop is noticed soon."""
_DRAIN_SECONDS = 2.0
"""How long a stopping orchestrator goes on reading: others read what is left."""
_PURGE_SECONDS = 3.0
"""How long it deletes: the next start goes on with what is left."""
_PAUSE_SECONDS = 0.5
"""Pause before trying again when a part does not answer."""


class Orchestrator:
    """Turns events into transitions. Any number of them may run side by side."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._queue = parts.queue
        self._events = parts.events
        shared = {spec.id for spec in parts.catalog.engines.values() if spec.needs.slots > 1}
        self._scheduler = Scheduler(parts.database, parts.queue, shared)
        self._stop = asyncio.Event()
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._transcripts = TranscriptObjects(parts)
        self._webhooks = Webhooks(parts)
        self._sweep = Sweep(parts, self._scheduler, self._transcripts, self.process)

    def stop(self) -> None:
        """Finish what has been read, then end `run`."""
        self._stop.set()

    async def run(self, take_back: str | None = None, *, outlives_engines: bool = False) -> None:
        """Handle events and sweep until `stop` is called.

        Args:
            take_back: Prefix of engine instances that are known to be dead: what they were
                doing is made ready first.
            outlives_engines: Whether all engines have ended by the time of `stop`, so that nothing
                of deleted jobs need stay for the next start.
        """
        if take_back is not None:
            await self._take_back(take_back)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_events())
            group.create_task(self._sweep_until_stopped())
            group.create_task(self._keep_steady())
            group.create_task(self._webhooks.run(self._stop))
        await self._sweep.close()
        await self._drain()
        await self._transcripts.finish(_DRAIN_SECONDS)
        if outlives_engines:
            await self._purge()

    async def _purge(self) -> None:
        try:
            async with asyncio.timeout(_PURGE_SECONDS):
                await self._sweep.purge_all()
        except (UnavailableError, TimeoutError) as error:
            log.warning("not_purged", reason=repr(error))

    async def _take_back(self, instance_prefix: str) -> None:
        """Do it before anything else, however long the parts take to answer."""
        while not self._stop.is_set():
            try:
                await self._sweep.take_back(instance_prefix)
            except (UnavailableError, RedisError, OSError) as error:
                log.warning("part_unavailable", reason=in_words(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:
                log.exception("not_taken_back")
                return
            else:
                return

    async def _sweep_until_stopped(self) -> None:
        while not self._stop.is_set():
            await self._sweep.run_once()
            try:
                await asyncio.wait_for(self._stop.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def _keep_steady(self) -> None:
        """Keep the mark of a steady Redis alive, however long a sweep takes."""
        while not self._stop.is_set():
            try:
                await self._queue.steady_seconds()
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=in_words(error))
            try:
                await asyncio.wait_for(self._stop.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def _read_events(self) -> None:
        while not self._stop.is_set():
            try:
                events = await self._next_events(_READ_SECONDS)
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=in_words(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if not events:
                continue
            try:
                await self._handle(Batch(events=events))
            except Exception:
                # The sweep finds what they would have said.
                log.exception("events_dropped", count=len(events))

    async def _next_events(self, wait_seconds: float) -> list[Event]:
        events, unknown = await self._events.read(self.name, wait_seconds)
        if unknown:
            log.warning("unknown_events_dropped", count=unknown)
        return events

    async def _drain(self) -> None:
        """Handle what has been sent up to now, so that a restart finds less to repair."""
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + _DRAIN_SECONDS
        try:
            while loop.time() < stop_at and (events := await self._next_events(0.05)):
                await self._handle(Batch(events=events))
            await self._events.leave(self.name)
        except (RedisError, OSError) as error:
            log.warning("redis_unavailable", reason=in_words(error))

    async def _handle(self, batch: Batch) -> None:
        """Handle a batch; wait for a part that does not answer, unless told to stop."""
        while True:
            try:
                await self.process(batch)
            except UnavailableError as error:
                log.warning("part_unavailable", code=error.code, reason=repr(error.__cause__))
                if self._stop.is_set():
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def process(self, batch: Batch) -> None:
        """Handle a batch together; when that fails, one by one, so that only a bad one is lost.

        An event is a hint: what a dropped one would have said, the sweep finds.

        Raises:
            UnavailableError: A part does not answer; nothing is lost if it is tried again.
        """
        try:
            await self._process_together(batch)
        except UnavailableError:
            raise
        except Exception as error:
            parts = batch.split()
            if len(parts) == 1:
                await self._drop(batch, error)
                return
            log.warning("batch_replayed_one_by_one", size=len(parts), exc_info=error)
            for part in parts:
                await self.process(part)

    async def _drop(self, batch: Batch, error: Exception) -> None:
        """Give up what can't be handled, and leave a trace of it."""
        [job_id] = batch.job_ids()
        task_id = next(iter(batch.task_ids()), None)
        log.error("event_dropped", job_id=job_id, task_id=task_id, exc_info=error)
        try:
            async with self._database.write() as connection:
                why = f"a message could not be handled: {type(error).__name__}"
                await note(connection, job_id, task_id, why)
        except Exception as second:  # noqa: BLE001 - the log has it already
            log.warning("history_not_written", job_id=job_id, reason=repr(second))

    async def _process_together(self, batch: Batch) -> None:
        """Prepare, one transaction, then tell the others."""
        await prepare(self._parts, batch)
        async with self._database.write() as connection:
            effects = await apply(connection, self._parts.catalog, batch)
        self._transcripts.add(effects.transcripts)
        self._transcripts.doubt(effects.doubtful)
        try:
            await self._tell(effects)
        except (RedisError, OSError, UnavailableError) as error:
            # Committed already: what could not be told, the sweep finds.
            log.warning("effects_not_told", reason=in_words(error))

    async def _tell(self, effects: Effects) -> None:
        await self._scheduler.tell(effects)
        if effects.withdraw:
            async with self._database.read() as connection:
                handed_out = await work.stopped_tasks(connection, effects.withdraw)
            for engine_id, task_id in handed_out:
                await self._queue.withdraw(engine_id, task_id)
        for job_id in effects.started:
            log.info("job_started", job_id=job_id)
        for job_id, status in effects.ended.items():
            log.info("job_ended", job_id=job_id, status=status.value)
