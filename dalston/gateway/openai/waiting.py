"""Waits for the transcript of a job, for as long as its recording's length justifies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from dalston.common.errors import (
    RECORDING_CODES,
    DalstonError,
    JobNotFoundError,
    UnavailableError,
)
from dalston.common.models import TERMINAL_JOB, Job, JobStatus
from dalston.common.transcript import Transcript
from dalston.gateway.openai.wishes import DIARIZED, Wish
from dalston.gateway.parts import Parts
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.outcomes import (
    JobCancelledError,
    JobFailedError,
    JobStillRunningError,
    SpeakersNotFoundError,
)
from dalston.gateway.services.progress import length_of

_BYTES_PER_SECOND = 16_000.0
"""Of a recording whose length isn't known yet: 128 kbit/s."""
_LONGEST_SLEEP = 3600.0
_LEAST_SECONDS = 5.0
"""For an answer, however late the job was completed."""
_CLIENT_PATIENCE = 0.9
"""Share of the time that a client waits after which it is told, so that it doesn't send again."""
_CLIENTS_CODES = RECORDING_CODES | frozenset(
    {"audio_too_long", "unsupported_language", "unsupported_task", "invalid_speaker_count"}
    | {"invalid_url", "forbidden_address", "unresolved_host", "fetch_unreachable"}
    | {"fetch_failed", "fetch_too_large", "fetch_timeout"}
)
"""Failures that are the recording's, or of what was asked about it."""

_Answer = TypeVar("_Answer")


class Patience:
    """How long a request waits for a job.

    Args:
        parts: Say how long.
        job: The job.
        client_seconds: How long its client waits for the first byte, if it says so.
    """

    def __init__(self, parts: Parts, job: Job, client_seconds: float | None) -> None:
        self._parts = parts
        self._began = time.monotonic()
        self._client_seconds = client_seconds
        self._seconds = self._for(job.audio_bytes / _BYTES_PER_SECOND)

    def _for(self, audio_seconds: float) -> float:
        parts = self._parts
        seconds = parts.wait_base_seconds + parts.wait_seconds_per_audio_second * audio_seconds
        if self._client_seconds is None:
            return seconds
        return min(seconds, _CLIENT_PATIENCE * self._client_seconds)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._began + self._seconds - time.monotonic()

    def learn(self, audio_seconds: float | None) -> None:
        """Wait longer for a recording that turns out to be longer than its size let expect."""
        if audio_seconds is not None:
            self._seconds = max(self._seconds, self._for(audio_seconds))


class Transcription:
    """A job's transcript that a request waits for.

    Args:
        service: Has the job.
        job: The job.
        wish: What the transcript is wanted for.
        patience: How long it is waited for.
        require_key: Refuses whose key has been revoked meanwhile.

    Attributes:
        seconds: How long the recording is, once it is `done` and if that is known.
    """

    def __init__(
        self,
        service: JobService,
        job: Job,
        wish: Wish,
        patience: Patience,
        require_key: Callable[[], Awaitable[None]],
    ) -> None:
        self._service = service
        self._job = job
        self._wish = wish
        self._patience = patience
        self._require_key = require_key
        self.seconds: float | None = None

    async def done(self) -> None:
        """Return when the transcript is there; it is not read yet.

        Raises:
            JobError: It won't be there, or not in time; the job stays.
            InvalidKeyError: Who waits may not have it any more.
            UnavailableError: The server stops, and the job goes on.
        """
        async with aclosing(self.changes()) as changes:
            async for view in changes:
                self.seconds = None if view is None else length_of(view.tasks)

    async def in_time(self, answering: Awaitable[_Answer]) -> _Answer:
        """Return an answer that is made of the transcript, if its turn comes soon enough.

        Raises:
            JobStillRunningError: It doesn't; the transcript stays.
        """
        limit = asyncio.timeout(max(self._patience.left, _LEAST_SECONDS))
        try:
            async with limit:
                return await answering
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._still_running() from None

    async def read(self) -> Transcript:
        """Return the transcript that is there.

        Raises:
            JobError: It isn't, as when the job has been set going again; or it lacks what was
                asked for.
        """
        view = await self._present(whole=True)
        if view.job.status is not JobStatus.COMPLETED:
            raise self._still_running()
        return self.transcript(view)

    async def changes(self, pause: float | None = None) -> AsyncGenerator[JobView | None]:
        """Yield the job whenever more of it is done, at last when it is completed.

        Args:
            pause: Seconds after which None is yielded if nothing has changed; without it, only
                the end is yielded, and nothing of the transcript with it.

        Raises:
            JobError: There will be no transcript, or not in time; the job stays.
            InvalidKeyError: Who waits may not have it any more.
            UnavailableError: The server stops, and the job goes on.
        """
        async with self._service.watch.watch(self._job.id) as watched:
            while True:
                left = min(self._patience.left, _LONGEST_SLEEP)
                changed = await watched.changed(left if pause is None else min(left, pause))
                await self._require_key()
                ended = watched.state.ended
                if watched.stopping and not ended:
                    raise self._stopping()
                over = self._patience.left <= 0 and await self._is_over()
                if ended or over or (changed and pause is not None):
                    # It may have ended since that was heard, or may have been set going again.
                    view = await self._present(whole=pause is not None)
                    if view.job.status is JobStatus.COMPLETED:
                        yield view
                        return
                    if pause is not None:
                        yield view
                elif pause is not None:
                    yield None

    async def _is_over(self) -> bool:
        """Tell whether the job has ended unheard; if not, see whether it may be waited for longer.

        Raises:
            JobStillRunningError: It may not.
        """
        view = await self._look(whole=False)
        self._patience.learn(length_of(view.tasks))
        if view.job.status in TERMINAL_JOB:
            return True
        if self._patience.left > 0:
            return False
        raise self._still_running()

    def _still_running(self) -> JobStillRunningError:
        return JobStillRunningError(
            f"The transcript takes longer than a request can wait. The job {self._job.id} goes on; "
            f"don't send the recording again. Its transcript will be at "
            f"/v1/audio/transcriptions/{self._job.id}. With the header Prefer: respond-async you "
            f"get a job at once.",
            self._job.id,
        )

    async def _look(self, *, whole: bool) -> JobView:
        """Return the job, with its transcript if it is completed and that is wanted."""
        try:
            view = await self._service.look(self._job.owner, self._job.id)
            if whole and view.job.status is JobStatus.COMPLETED:
                return await self._service.read(self._job.owner, self._job.id)
        except JobNotFoundError:
            raise self._cancelled() from None
        return view

    async def _present(self, *, whole: bool) -> JobView:
        """Return the job as it is.

        Args:
            whole: Whether its transcript is wanted, once it is completed.

        Raises:
            JobError: It has ended without a transcript.
        """
        view = await self._look(whole=whole)
        job = view.job
        if job.status is JobStatus.CANCELLED:
            raise self._cancelled()
        if job.error is not None:
            raise JobFailedError(
                job.error.message,
                job.id,
                code=job.error.code,
                by_recording=job.error.code in _CLIENTS_CODES,
            )
        return view

    def transcript(self, view: JobView) -> Transcript:
        """Return the transcript of the completed job.

        Raises:
            JobError: It isn't one, or lacks what was asked for.
        """
        found = transcript_of(self._job.id, view.transcript or {})
        spoken = [segment for segment in found.segments if segment.text]
        if (
            self._wish.response_format == DIARIZED
            and spoken
            and not any(segment.speaker for segment in spoken)
        ):
            raise SpeakersNotFoundError(
                f"The transcript is there, but who speaks could not be found out. It is at "
                f"/v1/audio/transcriptions/{self._job.id}, and its warnings say why.",
                self._job.id,
            )
        return found

    def _cancelled(self) -> JobCancelledError:
        return JobCancelledError(
            f"The job {self._job.id} was stopped or deleted before its transcript was there. Send "
            f"the recording again if that was a mistake.",
            self._job.id,
        )

    def _stopping(self) -> DalstonError:
        error = UnavailableError(
            f"The server stops. The job {self._job.id} goes on when it is back: its transcript "
            f"will be at /v1/audio/transcriptions/{self._job.id}."
        )
        error.job_id = self._job.id
        return error
