"""The HTTP/1.1 protocol with the limits that uvicorn doesn't set.

A head may be 64 KiB long and must come within ten seconds. The parser refuses a request with two
lengths (`Content-Length` and `Transfer-Encoding`), because two servers in a row may disagree on
where it ends (RFC 9112, section 6.3). Refusals carry the envelope, and reach a client that is
still sending. No other protocol is spoken: a wish for one is passed over (RFC 9110, section 7.8).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import httptools
import structlog
from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from dalston.common.errors import (
    BodyTimeoutError,
    DalstonError,
    HeadersTooLargeError,
    RequestError,
    UnavailableError,
)
from dalston.gateway.errors import RETRY_AFTER_SECONDS, envelope
from dalston.gateway.middleware import LINGER_SECONDS, new_request_id

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGISendEvent

log = structlog.get_logger(__name__)

MAX_HEAD_BYTES = 64 * 1024
"""Also of what comes beside a body: sizes of chunks, their extensions, trailers."""
HEAD_SECONDS = 10.0
_PIECE_BYTES = 4096
"""Read at once where requests may begin: so many bytes hold few of them."""
_CHUNKED_PIECE_BYTES = 32 * 1024
"""The same in a body that doesn't say where it ends: small pieces cost time."""
_FRAMING = (b"content-length", b"transfer-encoding")
_UNREADABLE = "Invalid HTTP request received."


class _UnchunkedCycle(RequestResponseCycle):
    """An answer to HTTP/1.0, which knows no chunks (RFC 9112, section 6.1).

    Whoever speaks it would take the sizes of chunks for a part of the text. What has no length
    ends with the connection.
    """

    _has_length = True

    async def send(self, message: ASGISendEvent) -> None:
        """Send on, with as much as there is for its length."""
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            self._has_length = b"content-length" in names
            self.chunked_encoding = None if self._has_length else False
        elif message["type"] == "http.response.body" and not self._has_length:
            self.expected_content_length += len(message.get("body", b""))
        await super().send(message)


class GuardedProtocol(HttpToolsProtocol):
    """Refuses bad heads before an application is asked."""

    _bytes_beside_body = 0
    _held = b""
    _in_body = False
    _left_of_body = 0
    _refused = False
    _in_framing = False
    _answered: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock, and tell the request that is being answered.

        uvicorn tells the last one, which may still wait behind it.
        """
        self._stop_timer()
        answered = self._answered
        if answered is not None and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; what comes after a refusal is thrown away."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._held = self._held + data if self._held else data
        self._read_on()

    def _read_on(self) -> None:
        """Read until there are requests that wait for the answer to the one in front of them.

        uvicorn keeps every request that a client has sent behind an unanswered one. It may send
        thousands in the room of a page, and need no key for that: so the rest is held unread, and
        nothing more is taken from the connection. The bytes that are no body are counted.
        """
        data, place = self._held, 0
        while place < len(data) and not self._refused and not self.pipeline:
            unknown = _CHUNKED_PIECE_BYTES if self._in_body else _PIECE_BYTES
            piece = data[place : place + (self._left_of_body or unknown)]
            place += len(piece)
            self._bytes_beside_body += len(piece)
            if not self._in_body and self._timer is None:
                self._expect_head()
            self._parse(piece)
            self._limit_head(self._bytes_beside_body)
        self._held = b"" if self._refused else data[place:]
        if self._held:
            self.flow.pause_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with what came behind the request that is answered."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.pipeline:
            # uvicorn reads on whenever one of them is answered.
            self.flow.pause_reading()
        elif self._held:
            self._unset_keepalive_if_required()
            self._read_on()

    def _parse(self, data: bytes) -> None:
        while data and not self._refused:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as wish:
                self._pass_over_upgrade()
                data = data[wish.args[0] :]
            except httptools.HttpParserError:
                self.send_400_response(_UNREADABLE)
            else:
                return

    def _pass_over_upgrade(self) -> None:
        """Read on behind a head that wishes for another protocol.

        The parser takes what follows for that protocol, and so for no body. Java's client wishes
        for HTTP/2 with each request, uploads included. A new parser is told how the body ends.
        """
        framing = self._framing()
        if not framing:
            return
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self._in_framing = True
        try:
            self.parser.feed_data(b"%b / HTTP/%b\r\n%b\r\n" % (method, version, framing))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.send_400_response(_UNREADABLE)
        finally:
            self._in_framing = False

    def _framing(self) -> bytes:
        """Return the lines of the head that say where the body ends, as they came."""
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] in _FRAMING]
        return b"".join(lines)

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._in_framing:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        if not self._in_framing:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._in_framing:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let a head through that isn't too long."""
        if self._refused or self._in_framing:
            return
        self._in_body = True
        self._stop_timer()
        # Counted once more, because a head that comes all at once is behind us when it is counted.
        self._limit_head(len(self.url) + sum(len(name + value) + 4 for name, value in self.headers))
        if not self._refused:
            self._left_of_body = int(dict(self.headers).get(b"content-length", 0))
            super().on_headers_complete()
            if self.scope["http_version"] == "1.0":
                # uvicorn makes it, and begins with it only once this has returned.
                self.cycle.__class__ = _UnchunkedCycle

    def on_message_complete(self) -> None:
        """Expect the next head."""
        if self.parser.should_upgrade() and self._framing():
            # The body is still to come.
            return
        self._in_body = False
        self._left_of_body = 0
        self._bytes_beside_body = 0
        if not self._refused:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on the body of a request that was let through.

        The usual piece, which the application takes before the next one comes, is handed on as it
        is: uvicorn would copy it twice, and that is a tenth of the cost of an upload.
        """
        self._bytes_beside_body = 0
        self._left_of_body = max(0, self._left_of_body - len(body))
        if self._refused:
            return
        held: object = self.cycle.body
        if not held:
            # What Python adds to no bytes at all is not copied.
            self.cycle.body = b""  # type: ignore[assignment]
        elif isinstance(held, bytes):
            self.cycle.body = bytearray(held)
        super().on_body(body)

    def shutdown(self) -> None:
        """Give an unfinished upload half of the time that is left, then refuse it.

        What is still running at the end of that time is not waited for, so nobody would remove
        what has been stored of the upload.
        """
        super().shutdown()
        if self._in_body:
            self._stop_timer()
            seconds = (self.config.timeout_graceful_shutdown or 0) / 2
            self._timer = self.loop.call_later(seconds, self._refuse_unfinished)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser can't read."""
        self._refuse(RequestError(f"This is not an HTTP/1.1 request: {msg}"))

    def _limit_head(self, size: int) -> None:
        if size > MAX_HEAD_BYTES:
            self._refuse(
                HeadersTooLargeError(
                    f"The request's headers have more than {MAX_HEAD_BYTES} bytes. Send less."
                )
            )

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        self._timer = None
        if self._bytes_beside_body:
            self._refuse(
                BodyTimeoutError(f"The request's head did not come within {HEAD_SECONDS:.0f} s.")
            )
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse_unfinished(self) -> None:
        self._timer = None
        if self._in_body and not self._refused and not self.cycle.response_complete:
            self._refuse(
                UnavailableError("The server is being stopped. Send the recording again later.")
            )

    def _refuse(self, error: DalstonError) -> None:
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        request_id = new_request_id()
        log.info(
            "request_refused", request_id=request_id, status=error.http_status, code=error.code
        )
        if self._may_answer():
            self.transport.write(_answer(error, request_id))
            self._linger()

    def _may_answer(self) -> bool:
        """Give up the request that is being handled, if the refusal is about it."""
        cycle = self.cycle
        # uvicorn's type hides that there is none before the first request.
        if cycle is None or cycle.response_complete:  # type: ignore[redundant-expr]
            return True
        if not cycle.more_body:
            # The refused request came behind this one, which is answered before all is closed.
            cycle.keep_alive = False
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            self.transport.close()
        return not cycle.response_started

    def _linger(self) -> None:
        """Close so that a client that is still sending can read the answer."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _answer(error: DalstonError, request_id: str) -> bytes:
    body = json.dumps(envelope(error, request_id)).encode()
    retry = f"Retry-After: {RETRY_AFTER_SECONDS}\r\n" if isinstance(error, UnavailableError) else ""
    head = (
        f"HTTP/1.1 {error.http_status} {HTTPStatus(error.http_status).phrase}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-Id: {request_id}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + body


class SignalFreeServer(Server):
    """Leaves signals to whoever runs it: its own way ends the process before parts are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def http_config(app: ASGIApp) -> Config:
    """Return how uvicorn serves an application."""
    return Config(
        app,
        http=GuardedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,  # clients shall be the first to close an unused one (httpx: 5 s)
        lifespan="off",
        # An upgrade would hand the connection to a protocol without our limits.
        ws="none",
        # Nothing here asks who the client is.
        proxy_headers=False,
    )
