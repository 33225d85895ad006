"""What every upload has in common, and a recording that is a request's whole body."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from starlette.requests import Request

from dalston.common.errors import UnsupportedContentTypeError
from dalston.gateway.authentication import caller_of
from dalston.gateway.parts import Parts
from dalston.gateway.uploads import (
    CHUNK_BYTES,
    FILE_FIELD,
    FileStart,
    FormEvent,
    TextField,
    next_message,
    too_large,
)

_PACKED = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})
"""Codings of a body (RFC 9110, section 8.4.1) in which it is something else than what it holds."""


def upload_limit(request: Request) -> int:
    """Return how many bytes the body of a request may have.

    Raises:
        FileTooLargeError: It says itself that it has more.
        UnsupportedContentTypeError: It is packed; nothing here unpacks what may be a bomb.
    """
    codings = request.headers.get("content-encoding", "").lower().split(",")
    if not _PACKED.isdisjoint(map(str.strip, codings)):
        raise UnsupportedContentTypeError(
            "The request's body is compressed, which Content-Encoding says. Send it as it is: "
            "recordings hardly become smaller."
        )
    parts: Parts = request.app.state.parts
    most = caller_of(request).most_bytes(parts.max_upload_bytes)
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large(most)
    return most


class WithoutFile:
    """A submission whose recording isn't sent along: a field says where it is.

    Args:
        fields: All there is.
    """

    def __init__(self, fields: list[TextField]) -> None:
        self._events: list[FormEvent] = [*fields]

    async def next_event(self) -> FormEvent | None:
        """Return the next event, or None at the end."""
        return self._events.pop(0) if self._events else None

    async def file_data(self) -> AsyncIterator[bytes]:
        """Yield nothing: there is no file."""
        pieces: tuple[bytes, ...] = ()
        for piece in pieces:
            yield piece


class RawBody:
    """A request whose body is the recording and nothing else, as a submission.

    Args:
        request: Its body has not been read.
        fields: What was asked elsewhere, such as behind the `?`.

    Raises:
        FileTooLargeError: The body says itself that it is larger than it may be.
    """

    def __init__(self, request: Request, fields: list[TextField] | None = None) -> None:
        parts: Parts = request.app.state.parts
        self._receive = request.receive
        self._most = upload_limit(request)
        self._timeout = parts.body_timeout_seconds
        kind = request.headers.get("content-type", "")
        self._events: list[FormEvent] = [*(fields or ()), FileStart(FILE_FIELD, "", kind)]
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The fingerprint of what has arrived, in hexadecimal digits."""
        return self._digest.hexdigest()

    async def next_event(self) -> FormEvent | None:
        """Return the next event, or None at the end."""
        return self._events.pop(0) if self._events else None

    async def file_data(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            RequestError: It is too large, or stands still.
            ClientGoneError: The client has gone away.
        """
        pieces: list[bytes] = []
        gathered, size, more = 0, 0, True
        while more:
            message = await next_message(self._receive, self._timeout)
            body: bytes = message.get("body", b"")
            size += len(body)
            if size > self._most:
                raise too_large(self._most)
            self._digest.update(body)
            pieces.append(body)
            gathered += len(body)
            more = message.get("more_body", False)
            if gathered >= CHUNK_BYTES or (gathered and not more):
                yield b"".join(pieces)
                pieces, gathered = [], 0
