"""What happens to every request: an id, a limit on its length, and an answer that arrives."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dalston.common.errors import DalstonError
from dalston.gateway.errors import UNEXPECTED, respond

log = structlog.get_logger(__name__)

LINGER_SECONDS = 3.0
"""How long the rest of a request is read and thrown away once it is answered."""


def new_request_id() -> str:
    """Mint `req_` and 16 random hexadecimal digits."""
    return f"req_{secrets.token_hex(8)}"


def cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """Return what lets pages of some web sites call this server; of none, unless they are named.

    A page sends its key itself, so no browser is asked for cookies. It may send any header: each
    vendor's client has some of its own, and without a key none of them opens anything.
    """
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            # A HEAD that shows a key is asked about before, and refused unless it stands here.
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[
                *("Location", "X-Request-Id", "Idempotent-Replayed", "X-Dalston-Job-Id"),
                *("Retry-After", "RateLimit", "RateLimit-Policy", "Content-Disposition"),
                # Without the first, OpenAI's client would send a recording again in vain.
                *("X-Should-Retry", "Preference-Applied"),
                *("Accept-Ranges", "Content-Range", "ETag"),
            ],
        )
    ]


class RequestContext:
    """Gives each request an id, in its answer (`x-request-id`) and in its log lines.

    A HEAD is handled as the GET that it asks about; the protocol leaves the body out
    (RFC 9110, section 9.3.2). What nobody foresaw is answered with 500 and stays in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        # For answers whose body takes long: nobody would read it.
        scope["state"]["is_head"] = scope["method"] == "HEAD"
        started = time.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(asked, receive, send_with_id)
            except Exception as error:
                if status and isinstance(error.__cause__, DalstonError):
                    # What an answer that has begun can still say of it is that it isn't whole.
                    log.warning("answer_cut_off", code=error.__cause__.code)
                else:
                    log.exception("unexpected_error")
                    if status:
                        raise
                    await respond(Request(scope), UNEXPECTED)(scope, receive, send_with_id)
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(1000 * (time.monotonic() - started), 1),
            )


class EarlyAnswers:
    """Lets a client that is still sending read its answer, most often why it was refused.

    Closing a connection with unread bytes in it resets it, and the answer is lost on the way.
    So the answer goes out whole, then some of the rest is read, then the connection is closed:
    nobody waits for the end of a body that nobody wants.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        complete = False
        touched = "expect" not in Headers(scope=scope)
        early = False

        async def watched_receive() -> Message:
            nonlocal complete, touched
            touched = True
            message = await receive()
            complete = complete or not message.get("more_body", False)
            return message

        async def lingering_send(message: Message) -> None:
            nonlocal early
            if message["type"] == "http.response.start":
                early = not complete
                if early:
                    MutableHeaders(scope=message)["connection"] = "close"
            elif early and not message.get("more_body", False):
                await send({**message, "more_body": True})
                # A client that waits for "100 Continue" has sent nothing, and must not be asked to.
                if touched:
                    await _throw_away(watched_receive, lambda: complete)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, watched_receive, lingering_send)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _throw_away(receive: Receive, complete: object) -> None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while callable(complete) and not complete():
                await receive()
    except TimeoutError:
        return
