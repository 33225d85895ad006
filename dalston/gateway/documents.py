"""Reads a small JSON document that is a request's body."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request

from dalston.common.errors import (
    BodyTimeoutError,
    FileTooLargeError,
    InvalidTextError,
    MalformedBodyError,
    UnsupportedContentTypeError,
)
from dalston.gateway.uploads import ClientGoneError

_MOST_BYTES = 64 * 1024
_JSON = "application/json"
_Document = TypeVar("_Document")


async def read_document(
    request: Request, kind: type[_Document], timeout_seconds: float
) -> _Document:
    """Return a request's body.

    Args:
        request: Its body has not been read.
        kind: What it must be.
        timeout_seconds: How long it may stand still.

    Raises:
        RequestError: It isn't that.
        ClientGoneError: The connection ended before its end.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedContentTypeError(f"The body must be {_JSON}.")
    body = await _read(request, timeout_seconds)
    try:
        document = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBodyError(f"The body isn't what it should be: {error}.") from None
    # In what was read: written, it may also be a backslash and what looks like an escape.
    if b"\\u0000" in msgspec.json.encode(document).replace(b"\\\\", b""):
        raise InvalidTextError("Text must not have the character NUL.")
    return document


async def _read(request: Request, timeout_seconds: float) -> bytes:
    body = bytearray()
    more = True
    while more:
        try:
            async with asyncio.timeout(timeout_seconds):
                message = await request.receive()
        except TimeoutError:
            raise BodyTimeoutError(
                f"Nothing of the body arrived for {timeout_seconds:.0f} s. Try again."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST_BYTES:
            raise FileTooLargeError(f"The body is larger than {_MOST_BYTES} bytes.")
    return bytes(body)
