"""A recording on its way to a server, which nobody can tell for a while from a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from dalston.client.api import Api, Sent
from dalston.client.errors import RefusedError

_ANSWER_SECONDS = 10.0
"""How long a call that is stopped waits for the id of a job that it has to stop as well."""
_OWN_ERROR = 500
"""The lowest status after which a server may have made a job nevertheless."""
_TAKEN_SECONDS = 2.0
"""How long a try after a refused one lasts before it is shown: no refusal takes so long."""


class Sending:
    """A submission.

    Once all of it is sent the server may have made a job of it, whose id comes with the answer.

    Args:
        name: What people know the recording by.
        send: Submits it and returns the job's id; is told what to tell of bytes sent.
        show: Is told of bytes sent; None if there is nothing to send but an address.
        refused: Is told why the server can't take it now.

    Attributes:
        job_id: The job, once it is known.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Api, Sent], Awaitable[str]],
        show: Sent | None,
        refused: Callable[[RefusedError], None] = lambda _error: None,
    ) -> None:
        self._name = name
        self._send = send
        self._show = show
        self._refused = refused
        self._waits = False
        self._shown_from = 0.0
        self._whole = False
        self.job_id: str | None = None

    async def to(self, api: Api) -> str:
        """Send it, which may be done any number of times, and return the job's id."""
        self._whole |= self._show is None
        self._shown_from = time.monotonic() + _TAKEN_SECONDS if self._waits else 0.0
        try:
            self.job_id = await self._send(api, self._sent)
        except RefusedError as error:
            self._whole &= error.status >= _OWN_ERROR
            if error.status >= _OWN_ERROR:
                self._waits = True
                self._refused(error)
            raise
        return self.job_id

    async def answered(
        self, submission: Coroutine[Any, Any, str], tell: Callable[[str], None]
    ) -> str:
        """Return the job's id. If cancelled, first find out whether there is a job already.

        Args:
            submission: Sends it, and again if the server is busy or gone for a while.
            tell: Is told what is waited for, and of a job that may be left.
        """
        task = asyncio.ensure_future(submission)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._whole and not task.done():
                tell(f"{self._name}: stopping as soon as the server has answered")
                await asyncio.wait({task}, timeout=_ANSWER_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._whole and self.job_id is None:
                tell(f"{self._name}: stopped, but a job of it may run on the server")
            raise

    def _sent(self, done: int, total: int) -> None:
        self._whole |= done >= total
        if self._show is not None and time.monotonic() >= self._shown_from:
            self._show(done, total)
