"""A client for programs that use asyncio."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from dalston.client.api import Api
from dalston.client.errors import JobEndedError, RefusedError, UnreachableError
from dalston.client.following import job_events
from dalston.client.options import fields_of
from dalston.client.patience import Patience
from dalston.client.recordings import is_address
from dalston.client.views import (
    EngineView,
    JobEvent,
    JobView,
    ModelView,
    ProgressEvent,
    ProgressView,
    StatusEvent,
)
from dalston.common.models import JobStatus
from dalston.common.transcript import Transcript

DEFAULT_URL = "http://127.0.0.1:8000"
OnProgress = Callable[[ProgressView], object]
_PAGE = 100
_Answer = TypeVar("_Answer")


class AsyncClient:
    """A server, asked over HTTP. What fails on the way is asked again for a minute.

    Args:
        url: Where the server is.
        api_key: API key, if the server asks for one.

    Raises:
        ValueError: The address can't be one.
    """

    def __init__(self, url: str = DEFAULT_URL, *, api_key: str | None = None) -> None:
        self._api = Api(url, api_key)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def submit(self, recording: str | os.PathLike[str], **options: Any) -> str:  # noqa: ANN401 - whatever the server takes
        """Send a recording and return its job's id. It is one job, however often that is tried.

        Args:
            recording: Path of the file, or an address (`https://…`) that the server fetches.
            options: The form's fields that `docs/api.md` lists, such as `language="en"` or
                `diarize=True`; None leaves one out.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
            OSError: The file can't be read, or was written to meanwhile.
        """
        name = str(uuid.uuid4())
        fields = fields_of(options)
        if isinstance(recording, str) and is_address(recording):
            return await self._ask(lambda: self._api.submit_address(recording, fields, name))
        path = Path(recording)
        filename = os.fsencode(path.name).decode("utf-8", "replace")
        return await self._ask(
            lambda: self._api.submit(path, filename, fields, lambda _sent, _total: None, name)
        )

    async def transcribe(
        self,
        recording: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
        **options: Any,  # noqa: ANN401 - whatever the server takes
    ) -> Transcript:
        """Upload a recording and return its transcript once that is there.

        Args:
            recording: As for `submit`.
            on_progress: Is told how far it is.
            options: As for `submit`.

        Raises:
            JobEndedError: There will be no transcript.
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
            OSError: The file can't be read, or was written to meanwhile.
        """
        return await self.wait(await self.submit(recording, **options), on_progress=on_progress)

    async def wait(self, job_id: str, *, on_progress: OnProgress | None = None) -> Transcript:
        """Return a job's transcript once that is there; `asyncio.timeout` ends the waiting alone.

        Args:
            job_id: The job.
            on_progress: Is told how far it is.

        Raises:
            JobEndedError: There will be no transcript.
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        async with aclosing(self.events(job_id)) as events:
            async for event in events:
                if isinstance(event, ProgressEvent) and on_progress is not None:
                    on_progress(event.progress)
                if isinstance(event, StatusEvent) and event.error is not None:
                    raise JobEndedError(job_id, event.error.code, event.error.message)
                if isinstance(event, StatusEvent) and event.status is JobStatus.CANCELLED:
                    raise JobEndedError(job_id, "job_cancelled", "The job was stopped.")
        return await self.transcript(job_id)

    async def events(self, job_id: str, *, after: str | None = None) -> AsyncGenerator[JobEvent]:
        """Yield what happens to a job until it ends, over as many connections as that takes.

        Args:
            job_id: The job.
            after: The id of the last event that was heard, in another program perhaps.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        async with aclosing(job_events(self._api, job_id, after)) as events:
            async for event in events:
                yield event

    async def job(self, job_id: str) -> JobView:
        """Return where a job is.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        view, _ = await self._ask(lambda: self._api.job(job_id))
        return view

    async def transcript(self, job_id: str) -> Transcript:
        """Return the transcript of a completed job.

        Raises:
            JobEndedError: It has none, or not yet.
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        view, fields = await self._ask(lambda: self._api.job(job_id))
        if view.status is not JobStatus.COMPLETED:
            raise JobEndedError(job_id, "job_not_completed", f"The job is {view.status}.")
        return msgspec.convert(fields, Transcript)

    async def export(self, job_id: str, name: str = "txt", **rules: Any) -> str:  # noqa: ANN401 - as `submit`
        """Return the transcript of a completed job as the text of a file.

        Args:
            job_id: The job.
            name: The format: `txt`, `json`, `srt`, `vtt`, `tsv` or `csv`.
            rules: How subtitles are to be, such as `line_length=37` or `speakers=True`.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, for example that the job isn't completed.
        """
        fields = fields_of(rules)
        return (await self._ask(lambda: self._api.export(job_id, name, fields))).decode()

    async def jobs(self, status: JobStatus | None = None) -> AsyncIterator[JobView]:
        """Yield all jobs, newest first; they are asked for a page at a time.

        Args:
            status: Only such.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        cursor: str | None = None
        while True:
            place = cursor
            page, cursor = await self._ask(lambda: self._api.list_jobs(_PAGE, status, place))  # noqa: B023 - called at once
            for job in page:
                yield job
            if cursor is None:
                return

    async def cancel(self, job_id: str) -> None:
        """Stop a job; what is done of it is kept.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, for example that the job has ended.
        """
        await self._ask(lambda: self._api.cancel(job_id))

    async def retry(self, job_id: str) -> None:
        """Have a failed or cancelled job go on from what is done of it.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, for example that the job still runs.
        """
        await self._do(lambda: self._api.retry(job_id), "job_not_finished")

    async def delete(self, job_id: str) -> None:
        """Stop a job if it still runs, and remove all that there is of it.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        await self._do(lambda: self._api.delete(job_id), "job_not_found")

    async def models(self) -> list[ModelView]:
        """Return the names that `model` may have.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        return await self._ask(self._api.models)

    async def engines(self) -> dict[str, EngineView]:
        """Return the engines that are there, by their ids.

        Raises:
            UnreachableError: The server has been away for a minute.
            RefusedError: It said no, or was busy for so long.
        """
        return await self._ask(self._api.engines)

    async def _do(self, request: Callable[[], Awaitable[None]], done: str) -> None:
        """Have the server do something; with `done` it says at a second try that it has."""
        tries = 0

        async def once_more() -> None:
            nonlocal tries
            tries += 1
            await request()

        try:
            await self._ask(once_more)
        except RefusedError as error:
            if tries == 1 or error.code != done:
                raise

    async def _ask(self, question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask the server; again if it is busy or gone for a while."""
        patience = Patience()
        while True:
            try:
                return await question()
            except (UnreachableError, RefusedError) as error:
                pause = patience.pause_after(error)
            await asyncio.sleep(pause)
