"""Sends clips to a server, one job each, and scores what comes back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dalston.client.api import Api, Sent
from dalston.client.embedded import StartError
from dalston.client.errors import RefusedError, UnreachableError
from dalston.client.progress import Display, printable_name
from dalston.client.sending import Sending
from dalston.client.session import Session
from dalston.client.views import JobView
from dalston.common.models import TERMINAL_JOB, JobStatus, TaskStatus
from dalston.evaluation.confidence import score_confidences
from dalston.evaluation.manifest import Clip
from dalston.evaluation.results import ClipResult
from dalston.evaluation.speakers import score_speakers, turns_of
from dalston.evaluation.word_times import score_times, times_of
from dalston.evaluation.words import score_words

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PAUSE_GROWTH = 1.3
_LOADING_SECONDS = 60.0
"""How long engines of a server that has just been started may load before the first clip."""
_BROKEN_ENGINE_SECONDS = 5.0
"""How long an engine of our own server may fail to start; long enough for a second try."""
_CLEAN_UP_SECONDS = 10.0

_DIARIZE = "diarize"
"""The stage that finds out who speaks when."""


class _NoTranscriptError(Exception):
    """A clip gets no transcript; the text says why."""


class Jobs:
    """Makes a job of each clip and removes it from the server when it has been scored.

    Args:
        session: An opened session.
        display: Is told what happens; knows a clip by its place in the manifest.
        fields: What is sent with each recording.
        tell_language: Whether the clip's language is sent too.
    """

    def __init__(
        self,
        session: Session,
        display: Display,
        fields: Mapping[str, str],
        *,
        tell_language: bool,
    ) -> None:
        self._session = session
        self._display = display
        self._fields = dict(fields)
        self._tell_language = tell_language
        self._gone: str | None = None
        self._running: set[str] = set()
        self._tells_speakers = False
        self.pipelines: set[str] = set()
        """The pipelines that the jobs went through."""
        self.engine_ids: set[str] = set()
        """The engines that had tasks of the jobs."""

    async def all(self, clips: Sequence[Clip], at_once: int) -> list[ClipResult]:
        """Measure clips, so many at a time, and return their results in their order."""
        room = asyncio.Semaphore(at_once)

        async def measured(number: int) -> ClipResult:
            async with room:
                return await self._measured(clips[number], number)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(measured(number)) for number in range(len(clips))]
        results = in_their_language(clips, [task.result() for task in tasks])
        if not self._tells_speakers:
            return results
        pairs = zip(clips, results, strict=True)
        return [without_speakers(clip, result) for clip, result in pairs]

    async def wait_until_loaded(self) -> None:
        """Wait until no engine loads its model any more: that time is nobody's processing time."""
        end = time.monotonic() + _LOADING_SECONDS
        while time.monotonic() < end:
            engines = await self._session.ask(lambda api: api.engines())
            if all(engine.state != "loading" for engine in engines.values()):
                return
            await asyncio.sleep(_LONGEST_PAUSE / 2)

    async def _measured(self, clip: Clip, number: int) -> ClipResult:
        try:
            view, transcript = await self._transcribed(clip, number)
            result = _scored(clip, view, transcript)
        except (_NoTranscriptError, RefusedError, OSError) as error:
            reason = str(error)
        except (UnreachableError, StartError) as error:
            reason = str(error)
            if not await self._session.answers():
                # Gone for one is gone for all: nobody waits a minute for each of the others.
                self._gone = reason
        else:
            self._display.done(number, transcript.get("duration"))
            self._tells_speakers |= result.speakers is not None
            return result
        self._display.failed(number, reason)
        return not_transcribed(clip, reason)

    async def _transcribed(self, clip: Clip, number: int) -> tuple[JobView, dict[str, Any]]:
        if self._gone is not None:
            raise _NoTranscriptError(self._gone)
        sending = self._sending(clip, number)
        try:
            job_id = await self._submit(sending, number)
            view, transcript = await self._follow(job_id, number)
        finally:
            if sending.job_id is not None:
                # Shielded: also after Ctrl-C, when all else is cancelled, the job shall stop.
                await asyncio.shield(self._remove(sending.job_id))
                self._running.discard(sending.job_id)
        self.pipelines.add(view.pipeline)
        self.engine_ids |= {task.engine_id for task in view.tasks}
        self._tells_speakers |= any(task.stage == _DIARIZE for task in view.tasks)
        if view.status is not JobStatus.COMPLETED:
            known = f"{view.error.message} [{view.error.code}]" if view.error else ""
            raise _NoTranscriptError(known or f"the job is {view.status.value}")
        return view, transcript

    def _sending(self, clip: Clip, number: int) -> Sending:
        language = clip.language if self._tell_language else None
        fields = self._fields if language is None else {**self._fields, "language": language}
        name = str(uuid.uuid4())

        def show(done: int, total: int) -> None:
            self._display.uploading(number, done, total)

        async def send(api: Api, sent: Sent) -> str:
            return await api.submit(clip.path, clip.path.name, fields, sent, name)

        return Sending(printable_name(clip.name), send, show)

    async def _submit(self, sending: Sending, number: int) -> str:
        def wait() -> None:
            self._display.step(number, "waiting for a job to end")

        job_id = await self._session.submit(sending, self._running, wait)
        self._running.add(job_id)
        return job_id

    async def _follow(self, job_id: str, number: int) -> tuple[JobView, dict[str, Any]]:
        pause, broken_since = _FIRST_PAUSE, None
        while True:
            view, transcript = await self._session.ask(lambda api: api.job(job_id))
            if view.status in TERMINAL_JOB:
                return view, transcript
            tasks = [task for task in view.tasks if task.status is TaskStatus.RUNNING]
            if tasks:
                self._display.step(number, tasks[0].stage, tasks[0].progress)
            broken = "" if tasks or not self._session.own else await self._broken_engine(view)
            broken_since = (broken_since or time.monotonic()) if broken else None
            if broken_since and time.monotonic() > broken_since + _BROKEN_ENGINE_SECONDS:
                raise _NoTranscriptError(broken)
            await asyncio.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)

    async def _broken_engine(self, view: JobView) -> str:
        """Return what is wrong with an engine that a job waits for; nothing if it only waits."""
        engines = await self._session.ask(lambda api: api.engines())
        for task in view.tasks:
            engine = engines.get(task.engine_id)
            if task.status is TaskStatus.READY and engine is not None and engine.state == "failed":
                return f"The engine {task.engine_id} can't start: {engine.message}"
        return ""

    async def _remove(self, job_id: str) -> None:
        """Delete a job, if the server can be reached: it was for measuring alone."""
        try:
            async with asyncio.timeout(_CLEAN_UP_SECONDS):
                await self._session.ask(lambda api: api.delete(job_id))
        except (RefusedError, UnreachableError, StartError, TimeoutError) as error:
            self._display.say(f"{job_id} could not be removed from the server: {error}")


def _scored(clip: Clip, view: JobView, transcript: Mapping[str, Any]) -> ClipResult:
    """Return the figures of a clip.

    Raises:
        _NoTranscriptError: What came is no transcript that can be scored. Others may be.
    """
    try:
        return scored(clip, view, transcript)
    except Exception as error:
        reason = f"the transcript can't be scored: {type(error).__name__}: {error}"
        raise _NoTranscriptError(reason) from error


def scored(clip: Clip, view: JobView, transcript: Mapping[str, Any]) -> ClipResult:
    """Return the figures of a clip that has a transcript."""
    text, heard = str(transcript.get("text", "")), transcript.get("language")
    language = clip.language or heard
    metadata = transcript.get("metadata", {})
    spoken, times = turns_of(transcript), times_of(transcript)
    seconds = None
    if view.started_at is not None and view.completed_at is not None:
        seconds = (view.completed_at - view.started_at).total_seconds()
    return ClipResult(
        clip=clip.name,
        status="completed",
        language=language,
        heard_language=heard,
        verified=clip.verified,
        reference=clip.text,
        text=text,
        words=score_words(clip.text, text, language),
        speakers=score_speakers(clip.turns, spoken) if clip.turns and spoken else None,
        times=score_times(clip.times, times, language) if clip.times and times else None,
        confidences=score_confidences(clip.text, transcript, language),
        audio_seconds=transcript.get("duration"),
        processing_seconds=seconds,
        warnings=[_as_text(warning) for warning in metadata.get("warnings", [])],
        engines=dict(metadata.get("engines", {})),
    )


def not_transcribed(clip: Clip, reason: str) -> ClipResult:
    """Return the figures of a clip without a transcript: all of its words are missed."""
    return ClipResult(
        clip=clip.name,
        status="failed",
        error=reason,
        language=clip.language,
        verified=clip.verified,
        reference=clip.text,
        words=score_words(clip.text, "", clip.language),
    )


def in_their_language(clips: Sequence[Clip], results: Sequence[ClipResult]) -> list[ClipResult]:
    """Return all figures, failed clips of no known language in the one that all others are in.

    Otherwise their words would be missing in a total of their own, maybe in another unit.
    """
    heard = {result.heard_language for result in results if not result.failed}
    [language] = heard if len(heard) == 1 else [None]
    return [
        not_transcribed(msgspec.structs.replace(clip, language=language), result.error or "")
        if result.failed and result.language is None
        else result
        for clip, result in zip(clips, results, strict=True)
    ]


def without_speakers(clip: Clip, result: ClipResult) -> ClipResult:
    """Return a clip's figures with all speech missed, if a run that tells speakers told none here.

    Otherwise a run would be the better, the more of its clips failed.
    """
    if not clip.turns or result.speakers is not None:
        return result
    return msgspec.structs.replace(result, speakers=score_speakers(clip.turns, []))


def _as_text(warning: object) -> str:
    if isinstance(warning, Mapping) and "message" in warning:
        return f"{warning['message']} [{warning.get('code', 'warning')}]"
    return str(warning)
