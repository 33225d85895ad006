"""Answers that hold a whole transcript, maybe of many hours, in memory until they are sent.

How long that takes is up to whoever reads. So they are handed on piece by piece, and an owner for
whom enough is on its way waits for that. No owner makes another one wait for more than one answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dalston.common.errors import DalstonError
from dalston.gateway.authentication import caller_of, require_key
from dalston.gateway.uploads import ClientGoneError

AT_ONCE = 2
"""Made at the same time: each takes several times its own size."""
MOST_BYTES = 32 * 1024 * 1024
"""On their way to an owner, from which on the next one waits."""
STALL_SECONDS = 60.0
"""How long a piece may wait to be taken: a thousand bytes in a second."""
_PIECE_BYTES = 64 * 1024
_SHORT_SECONDS = 300.0
"""Up to so much speech makes an answer of about one piece, which needn't wait for long ones."""


class NotTakenError(DalstonError):
    """Whoever asked for an answer doesn't take it; they hear of it as a connection that ends."""

    code = "answer_not_taken"


class _Share:
    """One owner's part."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.bytes = 0
        self.requests = 0
        self.sent = asyncio.Event()


class LongAnswers:
    """Makes such answers for all requests of a gateway."""

    def __init__(self) -> None:
        self._making = asyncio.Semaphore(AT_ONCE)
        self._shares: dict[str, _Share] = {}

    async def answer(
        self,
        request: Request,
        make: Callable[[], Awaitable[Response]],
        seconds: float | None = None,
    ) -> Response:
        """Return an answer that is made when it is its turn.

        Args:
            request: What is answered.
            make: Reads the transcript and makes the answer, outside of the event loop if that
                takes long.
            seconds: How long the recording is, if that is known. It is always the turn of a short
                one.

        Raises:
            ClientGoneError: Nobody waits for it any more.
            Exception: Whatever `make` raises.
        """
        owner = caller_of(request).owner
        share = self._shares.setdefault(owner, _Share())
        share.requests += 1
        size = 0
        try:
            if seconds is not None and seconds <= _SHORT_SECONDS:
                response = await make()
            else:
                response = await self._in_turn(request, share, make)
            if len(response.body) > _PIECE_BYTES:
                size = len(response.body)
                share.bytes += size
        finally:
            if not size:
                self._leave(owner, share)
        if not size:
            return response
        return InPieces(response, partial(require_key, request), lambda: self._sent(owner, size))

    async def _in_turn(
        self, request: Request, share: _Share, make: Callable[[], Awaitable[Response]]
    ) -> Response:
        async with share.turn:
            while share.bytes >= MOST_BYTES:
                share.sent.clear()
                await share.sent.wait()
            async with self._making:
                await _require_listener(request)
                return await make()

    def _sent(self, owner: str, size: int) -> None:
        share = self._shares[owner]
        share.bytes -= size
        share.sent.set()
        self._leave(owner, share)

    def _leave(self, owner: str, share: _Share) -> None:
        share.requests -= 1
        if not share.requests:
            del self._shares[owner]


async def _require_listener(request: Request) -> None:
    """Make nothing for a client that went away while it waited.

    Raises:
        ClientGoneError: It has.
    """
    # The first look finds the end of the request, and the second what came behind it.
    if await request.is_disconnected() or await request.is_disconnected():
        raise ClientGoneError


class InPieces(Response):
    """An answer that is given up when nobody takes it, or its key has been revoked."""

    def __init__(
        self, whole: Response, require: Callable[[], Awaitable[None]], ended: Callable[[], None]
    ) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers
        self._require = require
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Send it.

        Raises:
            NotTakenError: Nobody takes it.
            InvalidKeyError: Whose it is may not have it any more.
        """
        try:
            await self._send(scope, send)
        except TimeoutError:
            raise NotTakenError(f"Nothing of it was taken for {STALL_SECONDS:.0f} s.") from None
        finally:
            self.body = b""
            self._ended()

    async def _send(self, scope: Scope, send: Send) -> None:
        head = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        body = b"" if scope["state"]["is_head"] else bytes(self.body)
        for place in range(0, len(body), _PIECE_BYTES):
            await self._require()
            piece = body[place : place + _PIECE_BYTES]
            async with asyncio.timeout(STALL_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
