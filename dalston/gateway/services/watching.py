"""Waits for jobs on behalf of many requests, at the cost of one.

A job's end is heard at once where Redis tells of it. That is a hint and may be missed, so one
question a second asks the database about all jobs that anybody waits for; while nobody waits,
nothing is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from dalston.common.errors import UnavailableError
from dalston.common.events import EventBus
from dalston.common.models import TERMINAL_JOB, JobStatus
from dalston.common.redis import in_words
from dalston.db.abandoned import forget_abandoned, noted_as_abandoned
from dalston.db.reading import finished_chunks, statuses_of
from dalston.db.session import Database

log = structlog.get_logger(__name__)

_ASK_SECONDS = 1.0
"""Between two questions about all jobs that are waited for."""
_TOGETHER_SECONDS = 0.005
"""Jobs that end within this time are asked about together."""


class JobState(NamedTuple):
    """Where a job is.

    Attributes:
        status: None if it was deleted.
        chunks: How many tasks on chunks are completed.
    """

    status: JobStatus | None = JobStatus.PENDING
    chunks: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status is None or self.status in TERMINAL_JOB


class Watched:
    """A job that a request waits for."""

    def __init__(self) -> None:
        self.state = JobState()
        self.stopping = False
        self._changed = asyncio.Event()

    def tell(self, state: JobState) -> None:
        """Take a new state over, and wake who waits."""
        if state != self.state:
            self.state = state
            self._changed.set()

    def stop(self) -> None:
        """Wake who waits, because the server stops."""
        self.stopping = True
        self._changed.set()

    async def changed(self, seconds: float) -> bool:
        """Wait for the next change; tell whether there was one within that time."""
        if not self.stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._changed.wait()
        heard = self._changed.is_set()
        self._changed.clear()
        return heard


class JobWatch:
    """Knows where the jobs are that requests wait for.

    Args:
        database: Has the truth.
        events: Say when to look.
    """

    def __init__(self, database: Database, events: EventBus) -> None:
        self._database = database
        self._listener = events.listener()
        self._watched: dict[str, set[Watched]] = {}
        self._to_ask: set[str] = set()
        self._wake = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._stopping = False

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[Watched]:
        """Watch a job for as long as the context is open."""
        watched = Watched()
        if self._stopping:
            watched.stop()
        others = self._watched.setdefault(job_id, set())
        others.add(watched)
        try:
            # It may have ended before anybody listened.
            self._ask_soon(job_id)
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask_again_and_again())
            if len(others) == 1:
                await self._listen(job_id)
            yield watched
        finally:
            others.discard(watched)
            if not others and self._watched.get(job_id) is others:
                del self._watched[job_id]
                with suppress(RedisError, OSError):
                    await self._listener.remove(job_id)

    def stop(self) -> None:
        """Wake all who wait: the server stops, and their jobs go on without it."""
        self._stopping = True
        for watched in [one for several in self._watched.values() for one in several]:
            watched.stop()

    async def close(self) -> None:
        """Stop asking and listening."""
        self.stop()
        running = [task for task in (self._asking, self._hearing) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(RedisError, OSError):
            await self._listener.close()

    def _ask_soon(self, job_id: str) -> None:
        self._to_ask.add(job_id)
        self._wake.set()

    async def _listen(self, job_id: str) -> None:
        try:
            await self._listener.add(job_id)
        except (RedisError, OSError):
            # The question that is asked each second finds what isn't heard.
            return
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        while self._watched:
            try:
                update = await self._listener.heard(_ASK_SECONDS)
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=in_words(error))
                await asyncio.sleep(_ASK_SECONDS)
                continue
            if update is not None and update.job_id in self._watched:
                self._ask_soon(update.job_id)

    async def _ask_again_and_again(self) -> None:
        ask_all_at = time.monotonic() + _ASK_SECONDS
        while self._watched:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, ask_all_at - time.monotonic())):
                    await self._wake.wait()
                    await asyncio.sleep(_TOGETHER_SECONDS)
            self._wake.clear()
            wanted, self._to_ask = self._to_ask, set()
            all_of_them = time.monotonic() >= ask_all_at
            if all_of_them:
                wanted |= set(self._watched)
                ask_all_at = time.monotonic() + _ASK_SECONDS
            await self._ask(wanted & set(self._watched), all_of_them=all_of_them)

    async def _ask(self, job_ids: Collection[str], *, all_of_them: bool) -> None:
        wanted = sorted(job_ids)
        if not wanted:
            return
        try:
            async with self._database.read() as connection:
                statuses = await statuses_of(connection, wanted)
                running = [one for one in wanted if statuses.get(one) is JobStatus.RUNNING]
                chunks = await finished_chunks(connection, running) if running else {}
                left = await noted_as_abandoned(connection, wanted) if all_of_them else set()
            left &= set(self._watched)
            if left:
                # Of several who wait for a job only one has gone away.
                async with self._database.write() as connection:
                    await forget_abandoned(connection, left)
        except UnavailableError as error:
            log.warning("database_unavailable", reason=repr(error.__cause__))
            return
        for job_id in wanted:
            state = JobState(statuses.get(job_id), chunks.get(job_id, 0))
            for watched in self._watched.get(job_id, ()):
                watched.tell(state)
