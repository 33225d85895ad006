"""Puts transcripts that their rows keep where people look for them, behind everything else.

What counts is the row. The object is for people and their scripts, so no job waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from dalston.common.errors import ObjectMissingError, StoreUnavailableError, UnavailableError
from dalston.common.storage import transcript_path
from dalston.db.transcripts import (
    Transcript,
    note_transcript_objects,
    present_transcripts,
    transcripts_without_object,
)
from dalston.orchestrator.parts import Parts

log = structlog.get_logger(__name__)

_MOST = 64
"""Transcripts that are put before their rows are told."""
_AT_ONCE = 8
_MOST_WAITING = 1000
"""Transcripts that wait here; for more the sweep comes."""
_MOST_TRIES = 5
_OVERDUE_SECONDS = 10.0
"""A transcript that has had no object for longer was forgotten, in a crash or with a store away."""


class TranscriptObjects:
    """The transcripts that one orchestrator has still to put."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._store = parts.store
        self._waiting: dict[str, Transcript] = {}
        self._doubtful: set[str] = set()
        self._tries: dict[str, int] = {}
        self._working: asyncio.Task[None] | None = None

    def add(self, transcripts: Iterable[Transcript]) -> None:
        """Put some transcripts soon."""
        for transcript in transcripts:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[transcript.job_id] = transcript
        if self._waiting and self._working is None:
            self._working = asyncio.create_task(self._work())

    def doubt(self, job_ids: Iterable[str]) -> None:
        """Put the present transcripts of some jobs once more: an older one may lie there."""
        self._doubtful |= set(job_ids)

    async def add_forgotten(self) -> None:
        """Find what an orchestrator that died, or a store that was away, left undone."""
        doubtful = sorted(self._doubtful)
        async with self._database.read() as connection:
            self.add(await transcripts_without_object(connection, _OVERDUE_SECONDS, _MOST_WAITING))
            if not doubtful:
                return
            found, live = await present_transcripts(connection, doubtful)
        # One that runs is looked at again: its end may be under way already.
        self._doubtful -= set(doubtful) - live
        self.add(found)

    async def finish(self, seconds: float) -> None:
        """Wait for what has been begun; the sweep of another finds the rest."""
        if self._working is not None:
            await asyncio.wait([self._working], timeout=seconds)

    async def _work(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popitem()[1] for _ in range(min(_MOST, len(self._waiting)))]
                await self._put_all(some)
        except UnavailableError as error:
            log.warning("part_unavailable", code=error.code, reason=repr(error.__cause__))
        except Exception:
            log.exception("transcripts_not_put")
        finally:
            self._working = None

    async def _put_all(self, transcripts: Sequence[Transcript]) -> None:
        free = asyncio.Semaphore(_AT_ONCE)
        refused: list[Transcript] = []

        async def put(transcript: Transcript) -> None:
            async with free:
                try:
                    await self._put(transcript)
                except StoreUnavailableError as error:
                    why = repr(error.__cause__)
                    log.warning("transcript_not_put", job_id=transcript.job_id, reason=why)
                    refused.append(transcript)

        await asyncio.gather(*(put(transcript) for transcript in transcripts))
        if refused:
            await self._try_again(refused)
        there = [one for one in transcripts if one not in refused]
        for one in there:
            self._tries.pop(one.job_id, None)
        try:
            async with self._database.write() as connection:
                # A rerun may have come before it, and its transcript may be there already.
                overtaken = await note_transcript_objects(connection, there)
        except BaseException:
            # The sweep looks for those that stand in rows by itself.
            self.doubt(one.job_id for one in there if one.path is not None)
            raise
        self.doubt(overtaken)

    async def _try_again(self, refused: Sequence[Transcript]) -> None:
        """Have the sweep put transcripts later; one that the store alone refuses a few times more.

        The sweep looks for those that stand in rows by itself.
        """
        answers = await self._store.answers()
        for one in refused:
            if one.path is None:
                continue
            tries = self._tries.get(one.job_id, 0) + answers
            if tries < _MOST_TRIES:
                self._tries[one.job_id] = tries
                self.doubt([one.job_id])
            else:
                self._tries.pop(one.job_id, None)

    async def _put(self, transcript: Transcript) -> None:
        target = transcript_path(transcript.job_id)
        if transcript.text is not None:
            await self._store.put(target, transcript.text.encode())
        elif transcript.path is not None:
            try:
                await self._store.copy(transcript.path, target)
            except ObjectMissingError:
                log.warning("output_missing", job_id=transcript.job_id)
