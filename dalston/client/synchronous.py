"""A client for programs that don't use asyncio: the same, one call after the other."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import start_blocking_portal

from dalston.client.asynchronous import DEFAULT_URL, AsyncClient, OnProgress
from dalston.client.views import EngineView, JobEvent, JobView, ModelView
from dalston.common.models import JobStatus
from dalston.common.transcript import Transcript

_Item = TypeVar("_Item")


class Client:
    """As `AsyncClient`, whose methods say what they do and raise. Threads may share one.

    Args:
        url: Where the server is.
        api_key: API key, if the server asks for one.

    Raises:
        ValueError: The address can't be one.
    """

    def __init__(self, url: str = DEFAULT_URL, *, api_key: str | None = None) -> None:
        self._client = AsyncClient(url, api_key=api_key)
        self._open = ExitStack()
        self._portal = self._open.enter_context(start_blocking_portal())
        self._open.callback(self._portal.call, self._client.close)
        # At its end Python would wait for ever for the thread of a client that nobody closed; what
        # is registered like this comes before that.
        self._forgotten = weakref.finalize(self, _give_up, self._open)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections; what is waited for when an error ends it is given up."""
        self._forgotten.detach()
        self._open.__exit__(kind, error, traceback)

    def close(self) -> None:
        """Close the connections."""
        self._forgotten.detach()
        self._open.close()

    def submit(self, recording: str | os.PathLike[str], **options: Any) -> str:  # noqa: ANN401 - whatever the server takes
        """Upload a recording and return its job's id."""
        return self._portal.call(lambda: self._client.submit(recording, **options))

    def transcribe(
        self,
        recording: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
        **options: Any,  # noqa: ANN401 - whatever the server takes
    ) -> Transcript:
        """Upload a recording and return its transcript once that is there."""
        return self.wait(self.submit(recording, **options), on_progress=on_progress)

    def wait(self, job_id: str, *, on_progress: OnProgress | None = None) -> Transcript:
        """Return a job's transcript once that is there."""
        return self._portal.call(lambda: self._client.wait(job_id, on_progress=on_progress))

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[JobEvent]:
        """Yield what happens to a job until it ends."""
        return self._each(lambda: self._client.events(job_id, after=after))

    def job(self, job_id: str) -> JobView:
        """Return where a job is."""
        return self._portal.call(self._client.job, job_id)

    def transcript(self, job_id: str) -> Transcript:
        """Return the transcript of a completed job."""
        return self._portal.call(self._client.transcript, job_id)

    def export(self, job_id: str, name: str = "txt", **rules: Any) -> str:  # noqa: ANN401 - as `submit`
        """Return the transcript of a completed job as the text of a file."""
        return self._portal.call(lambda: self._client.export(job_id, name, **rules))

    def jobs(self, status: JobStatus | None = None) -> Iterator[JobView]:
        """Yield all jobs, newest first."""
        return self._each(lambda: self._client.jobs(status))

    def cancel(self, job_id: str) -> None:
        """Stop a job; what is done of it is kept."""
        self._portal.call(self._client.cancel, job_id)

    def retry(self, job_id: str) -> None:
        """Have a failed or cancelled job go on from what is done of it."""
        self._portal.call(self._client.retry, job_id)

    def delete(self, job_id: str) -> None:
        """Stop a job if it still runs, and remove all that there is of it."""
        self._portal.call(self._client.delete, job_id)

    def models(self) -> list[ModelView]:
        """Return the names that `model` may have."""
        return self._portal.call(self._client.models)

    def engines(self) -> dict[str, EngineView]:
        """Return the engines that are there, by their ids."""
        return self._portal.call(self._client.engines)

    def _each(self, begin: Callable[[], AsyncIterator[_Item]]) -> Iterator[_Item]:
        items = begin()

        async def following() -> tuple[_Item] | None:
            async for item in items:
                return (item,)
            return None

        try:
            while (found := self._portal.call(following)) is not None:
                yield found[0]
        finally:
            close: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
            if close is not None:
                # Who leaves a loop early may have closed the client when this is cleared away.
                with suppress(RuntimeError):
                    self._portal.call(close)


def _give_up(opened: ExitStack) -> None:
    """Close connections that nobody waits for any more, and whatever is waited for on them."""
    opened.__exit__(GeneratorExit, GeneratorExit(), None)
