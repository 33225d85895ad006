"""The HTTP/1.1 protocol with the limits that uvicorn doesn't set.

A head may be 64 KiB long and must come within ten seconds; a request with two lengths
(`Content-Length` and `Transfer-Encoding`) is refused, because two servers in a row may disagree
on where it ends (RFC 9112, section 6.3). Refusals carry the envelope.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dalston.common.errors import BodyTimeoutError, DalstonError, HeadersTooLargeError, RequestError
from dalston.gateway.errors import envelope

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0


class GuardedProtocol(HttpToolsProtocol):
    """Refuses bad heads before an application is asked."""

    _head_bytes = 0
    _in_body = False
    _refused = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head; what comes after a refusal is thrown away."""
        if self._refused:
            return
        if not self._in_body:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._expect_head()
        super().data_received(data)
        if not self._in_body and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(
                HeadersTooLargeError(
                    f"The request's headers have more than {MAX_HEAD_BYTES} bytes. Send less."
                )
            )

    def on_headers_complete(self) -> None:
        """Let a head through that says once how long its body is."""
        self._in_body = True
        self._stop_timer()
        names = [name for name, _ in self.headers]
        if names.count(b"content-length") > 1 or (
            b"content-length" in names and b"transfer-encoding" in names
        ):
            self._refuse(RequestError("The request says in two ways how long its body is."))
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_body = False
        self._head_bytes = 0
        if not self._refused:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on the body of a request that was let through."""
        if not self._refused:
            super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser can't read."""
        self._refuse(RequestError(f"This is not an HTTP/1.1 request: {msg}"))

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(
                BodyTimeoutError(f"The request's head did not come within {HEAD_SECONDS:.0f} s.")
            )
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, error: DalstonError) -> None:
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        body = json.dumps(envelope(error, None)).encode()
        phrase = HTTPStatus(error.http_status).phrase
        head = (
            f"HTTP/1.1 {error.http_status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
