"""What is told of jobs while they run: made once for each job, however many listen.

The segments that are told while a job runs are as they were heard, chunk by chunk from the start;
a chunk that shares sound with its neighbour, or is of one channel, waits until all are joined. What
was not told by then comes from the transcript.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import structlog

from dalston.common.errors import JobNotFoundError, ObjectMissingError, UnavailableError
from dalston.common.models import TERMINAL_JOB, Job, JobStatus
from dalston.common.storage import ObjectStore
from dalston.common.transcript import Segment
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.outcomes import JobFailedError
from dalston.gateway.services.progress import first_heard, progress_fields

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 2.0
"""Between two looks at how far a job is, while nobody tells that more of it is done."""
_PLACE = re.compile(r"([0-9]{1,9})-(?:([0-9]{1,12})|f([0-9]{1,9})|(end))", re.ASCII)
_MILLISECONDS = 1000


class Place(NamedTuple):
    """How far a listener has heard; its text is what `Last-Event-ID` brings back.

    Attributes:
        resumed: How often the job had been resumed by then: each time it is told anew.
        heard: Up to this millisecond of the recording, in chunks.
        final: So many segments of the transcript; None before that is there.
        over: All there is.
    """

    resumed: int = 0
    heard: int = 0
    final: int | None = None
    over: bool = False

    def __str__(self) -> str:
        """Return the id of an event."""
        if self.over:
            return f"{self.resumed}-end"
        return f"{self.resumed}-{self.heard if self.final is None else f'f{self.final}'}"

    @classmethod
    def read(cls, text: str) -> Place:
        """Return what an event's id says; what is none of ours is the beginning."""
        found = _PLACE.fullmatch(text)
        if found is None:
            return cls()
        resumed, heard, final, end = found.groups()
        return cls(int(resumed), int(heard or 0), None if final is None else int(final), bool(end))


class _Told(NamedTuple):
    """A segment that was told.

    Attributes:
        middle: Where its middle is, in milliseconds of the recording.
        final: Its number in the transcript, counted from 1; None as it was heard in a chunk.
        block: The event.
    """

    middle: int
    final: int | None
    block: bytes

    def is_news_to(self, place: Place) -> bool:
        if place.final is not None:
            return self.final is None or self.final > place.final
        return self.middle >= place.heard


class _Heard(msgspec.Struct):
    segments: list[Segment] = []


_heard = msgspec.json.Decoder(_Heard)


class Feed:
    """What is told of one job.

    Attributes:
        over: Nothing will be told any more.
    """

    def __init__(self, service: JobService, store: ObjectStore, owner: str, job_id: str) -> None:
        self.over = False
        self._service = service
        self._store = store
        self._owner = owner
        self._job_id = job_id
        self._segments: list[_Told] = []
        self._chunks = 0
        self._place: Place | None = None
        self._status = self._progress = b""
        self._changed = asyncio.Event()

    async def events(self, after: Place) -> AsyncGenerator[bytes]:
        """Yield what is told, from a place on; nothing, if nothing is told for two seconds.

        Args:
            after: What the listener has heard already.
        """
        sent = 0
        status = progress = b""
        while True:
            # Before the news are gathered: whatever comes while they are sent is told after that.
            changed, over = self._changed, self.over
            start = after if self._place and after.resumed == self._place.resumed else Place()
            news = [one.block for one in self._segments[sent:] if one.is_news_to(start)]
            sent = len(self._segments)
            if self._progress != progress:
                news.append(progress := self._progress)
            if self._status != status:
                news.append(status := self._status)
            yield b"".join(news)
            if over:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await changed.wait()

    async def run(self) -> None:
        """Follow the job until it ends, is gone, or the server stops."""
        try:
            async with self._service.watch.watch(self._job_id) as watched:
                while not self.over and not watched.stopping:
                    try:
                        await self._look()
                    except JobNotFoundError:
                        break
                    except UnavailableError as error:
                        log.warning("feed_unavailable", job_id=self._job_id, code=error.code)
                    self._wake()
                    if not self.over:
                        await watched.changed(REFRESH_SECONDS)
        except Exception:
            # Nobody awaits a feed. Its listeners come back for another one.
            log.exception("feed_failed", job_id=self._job_id)
        finally:
            self.over = True
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _look(self) -> None:
        view = await self._service.look(self._owner, self._job_id)
        self._place = place = self._place or Place(view.job.resumed)
        if place.resumed != view.job.resumed:
            # It was resumed unseen: who comes back hears it from its start.
            self.over = True
            return
        if view.job.status is not JobStatus.COMPLETED:
            await self._hear(view, place)
        elif not await self._finish(place):
            self.over = True
            return
        ended = view.job.status in TERMINAL_JOB
        place = self._place
        if view.whole is not None:
            self._progress = _event("progress", place, progress_fields(view.whole))
        # Who has heard this one has heard all.
        self._status = _event("status", place._replace(over=ended), _status_fields(view.job))
        self.over = ended

    async def _hear(self, view: JobView, place: Place) -> None:
        """Tell the segments of the chunks that have been finished since the last look."""
        if view.words_may_change:
            return
        for path, part in first_heard(view.tasks)[self._chunks :]:
            try:
                found = _heard.decode(await self._store.get(path)).segments
            except (ObjectMissingError, msgspec.MsgspecError):
                # Deleted meanwhile, or of an engine of one's own that hears no segments.
                break
            for segment in found:
                placed = _moved(segment, part.start)
                if placed.text:
                    # Behind its middle, also where it takes no time or one before it ends later.
                    heard = max(place.heard, _milliseconds(placed.end), _middle(placed) + 1)
                    place = place._replace(heard=heard)
                    self._tell(placed, place)
            self._chunks += 1

    async def _finish(self, place: Place) -> bool:
        """Tell what the transcript has beyond what was heard in chunks.

        Returns:
            Whether it is still that of this result: the job may have been resumed in between.
        """
        view = await self._service.read(self._owner, self._job_id)
        if view.job.resumed != place.resumed:
            return False
        if view.transcript is None or "segments" not in view.transcript:
            return True
        try:
            transcript = await asyncio.to_thread(transcript_of, self._job_id, view.transcript)
        except JobFailedError:
            # Of a pipeline of one's own that ends in something else.
            return True
        for number, segment in enumerate(transcript.segments, 1):
            if _middle(segment) >= place.heard:
                self._tell(_moved(segment, 0.0), place._replace(final=number))
        return True

    def _tell(self, segment: Segment, place: Place) -> None:
        block = _event("segment", place, segment)
        self._segments.append(_Told(_middle(segment), place.final, block))
        self._place = place


@dataclass
class _Running:
    """A feed that is listened to."""

    feed: Feed
    following: asyncio.Task[None]
    listeners: int = 0


class Feeds:
    """Has one feed for each job that is listened to, while it is.

    Args:
        service: Knows the jobs.
        store: Has what was heard of chunks.
    """

    def __init__(self, service: JobService, store: ObjectStore) -> None:
        self._service = service
        self._store = store
        self._running: dict[str, _Running] = {}

    @asynccontextmanager
    async def of(self, owner: str, job_id: str) -> AsyncIterator[Feed]:
        """Have a feed of a job of an owner for as long as the context is open."""
        running = self._running.get(job_id)
        if running is None or running.feed.over:
            feed = Feed(self._service, self._store, owner, job_id)
            running = _Running(feed, asyncio.create_task(feed.run()))
            self._running[job_id] = running
        running.listeners += 1
        try:
            yield running.feed
        finally:
            running.listeners -= 1
            if running.listeners == 0:
                if self._running.get(job_id) is running:
                    del self._running[job_id]
                running.following.cancel()
                await asyncio.gather(running.following, return_exceptions=True)


def _status_fields(job: Job) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": job.id, "status": job.status, "version": job.version}
    if job.error is not None:
        fields["error"] = {"code": job.error.code, "message": job.error.message}
    return fields


def _event(kind: str, place: Place, data: Segment | Mapping[str, Any]) -> bytes:
    """Return an event as https://html.spec.whatwg.org/multipage/server-sent-events.html has it."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(place).encode(),
        kind.encode(),
        msgspec.json.encode(data),
    )


def _moved(segment: Segment, seconds: float) -> Segment:
    return msgspec.structs.replace(
        segment,
        id=None,
        words=None,
        text=segment.text.strip(),
        start=round(segment.start + seconds, 3),
        end=round(segment.end + seconds, 3),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * _MILLISECONDS)


def _middle(segment: Segment) -> int:
    return _milliseconds((segment.start + segment.end) / 2)
