"""A connection to a server that lasts as long as a call, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeVar

from dalston.client.api import Api
from dalston.client.embedded import LocalServer
from dalston.client.errors import RefusedError, UnreachableError
from dalston.client.patience import Line, Patience
from dalston.client.sending import Sending
from dalston.config import read_settings

_Answer = TypeVar("_Answer")

_NO_PLACE = "too_many_jobs"
_TOO_OFTEN = "too_many_requests"
_FIRST_ANSWER_SECONDS = 10.0


class Session:
    """A server that is there, or the one on a data folder.

    Jobs are durable. So when a server on the data folder goes away, as it does when another call
    had started it and is killed, this call goes on with a new one, and with the same jobs.

    Args:
        url: Where the server is; None means the one on the data folder.
        data_dir: The data folder.
        tell: Is told what is being waited for.
        key: API key, if the server asks for one.
    """

    def __init__(
        self,
        url: str | None,
        data_dir: Path,
        tell: Callable[[str], None],
        key: str | None = None,
    ) -> None:
        self._url = url
        self._data_dir = data_dir
        self._key = key
        self._tell = tell
        self._local = None if url is not None else LocalServer(data_dir, tell)
        self._api: Api | None = None
        self._reconnecting = asyncio.Lock()
        self._line = Line()

    @property
    def own(self) -> bool:
        """Whether this call started the server."""
        return self._local is not None and self._local.own

    @property
    def temporary(self) -> bool:
        """Whether the server was started for a call, this one or another, and ends with it."""
        return self._local is not None and self._local.temporary

    @property
    def option(self) -> str:
        """What another command needs after its arguments to find the same server."""
        if self._url is not None:
            return f" --server {self._url}"
        if self._data_dir == read_settings().data_dir:
            return ""
        return f" --data-dir {shlex.quote(str(self._data_dir))}"

    async def open(self) -> None:
        """Find the server, or start it.

        Raises:
            UnreachableError: Nobody answers at the address.
            StartError: There is none on the data folder, and none could be started.
        """
        if self._local is not None:
            await self._local.open()
            self._api = Api(self._local.url, self._key)
            if not self._local.own:
                self._tell(
                    f"using the server that runs at {self._local.url}, with the settings that it "
                    f"was started with"
                )
            return
        self._api = Api(self._url or "", self._key)
        if not await self._api.alive(_FIRST_ANSWER_SECONDS):
            raise UnreachableError(
                f"No Dalston server answers at {self._api.url}. Start one with `dalston serve`, "
                f"correct --server, or leave it out."
            )

    async def answers(self) -> bool:
        """Tell whether the server answers just now."""
        return await self._opened().alive(_FIRST_ANSWER_SECONDS)

    async def finish(self) -> None:
        """Stop a server of our own, as soon as no other call uses it."""
        if self._local is not None:
            await self._local.close()

    async def close(self) -> None:
        """Close the connection; stop a server of our own at once, whoever uses it."""
        if self._api is not None:
            await self._api.close()
        if self._local is not None:
            self._local.stop_now()

    async def ask(self, request: Callable[[Api], Awaitable[_Answer]]) -> _Answer:
        """Ask the server; again if it is busy or gone for a while.

        Args:
            request: The question, which may be asked any number of times.

        Raises:
            UnreachableError: It stayed away.
            RefusedError: It said no, or stayed busy.
            StartError: It is gone, and no other could be started.
        """
        patience = Patience()
        while True:
            await self._line.join()
            api = self._opened()
            try:
                return await self._let_through(request, api)
            except (UnreachableError, RefusedError) as error:
                pause = patience.pause_after(error)
            await asyncio.sleep(pause)
            await self._reconnect(api)

    async def _let_through(self, request: Callable[[Api], Awaitable[_Answer]], api: Api) -> _Answer:
        """Ask as often as a limit on requests takes.

        Raises:
            UnreachableError: Nobody answers.
            RefusedError: It said something else, or let none of the session's requests through.
        """
        while True:
            try:
                answer = await request(api)
            except RefusedError as error:
                if error.code != _TOO_OFTEN:
                    self._line.moved()
                    raise
                await self._line.wait(error)
            else:
                self._line.moved()
                return answer

    async def submit(
        self, sending: Sending, running: Collection[object], wait: Callable[[], None]
    ) -> str:
        """Submit a recording and return its job's id.

        Whoever may have few jobs at a time has them one after the other: as long as the call's own
        jobs take the places, this one waits. If cancelled, the submission knows the job by then.

        Args:
            sending: The submission.
            running: The call's jobs that have not ended, at any time.
            wait: Is told that it has to wait.

        Raises:
            UnreachableError: As of `ask`, likewise the others.
            RefusedError: It is others who take the places, or something else is wrong.
        """
        return await sending.answered(self._placed(sending, running, wait), self._tell)

    async def _placed(
        self, sending: Sending, running: Collection[object], wait: Callable[[], None]
    ) -> str:
        while True:
            taken = bool(running)
            try:
                return await self.ask(sending.to)
            except RefusedError as error:
                if error.code != _NO_PLACE or not (taken or running):
                    raise
            wait()

    def _opened(self) -> Api:
        if self._api is None:
            raise RuntimeError("the session has not been opened")
        return self._api

    async def _reconnect(self, failed: Api) -> None:
        """Look where the server on the data folder is now; of several askers one does so."""
        if self._local is None:
            return
        async with self._reconnecting:
            if self._api is failed:
                await self._local.open()
                self._api = Api(self._local.url, self._key)
