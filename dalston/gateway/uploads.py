"""Reads a multipart form as it arrives; a file's bytes are passed on and never kept.

Format: RFC 7578 (multipart/form-data). The parser is `python-multipart`'s, which calls back for
each piece.
"""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from dalston.common.errors import (
    BodyTimeoutError,
    DuplicateFieldError,
    FileTooLargeError,
    InvalidTextError,
    MalformedBodyError,
    MissingFileError,
    RequestError,
    TooManyFieldsError,
    UnsupportedContentTypeError,
)
from dalston.gateway.filenames import clean_filename, extended_filename

MAX_FIELDS = 1000
MAX_TEXT_BYTES = 1024 * 1024
"""Of all text fields together."""
MAX_NAME_BYTES = 255
"""Of a field's name."""
FILE_FIELD = "file"
"""The field that every route takes the recording from."""
_OF_A_LIST = "[]"
"""Ends the name of a field that may be there more than once."""
_MAX_HEADER_BYTES = 16 * 1024
CHUNK_BYTES = 256 * 1024
"""A file's bytes are passed on in pieces of about this size."""
_LONG_SECONDS = 0.005
"""Of the processor, for one piece of a body: sound takes a fiftieth of that."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True)
class TextField:
    """A field with text."""

    name: str
    value: str


@dataclass(frozen=True)
class FileStart:
    """A file begins; its bytes follow."""

    name: str
    filename: str
    content_type: str


@dataclass(frozen=True)
class FileData:
    """Some bytes of a file."""

    data: bytes


@dataclass(frozen=True)
class FileEnd:
    """A file is whole."""


FormEvent = TextField | FileStart | FileData | FileEnd


class Submission(Protocol):
    """What a recording and its fields arrive in."""

    async def next_event(self) -> FormEvent | None:
        """Return the next event, or None at the end."""

    def file_data(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file that has just begun, until its end."""


class ClientGoneError(Exception):
    """The client went away in the middle of its request; nobody hears an answer."""


class FormReader:
    """The events of one request's form, in the order in which they arrive.

    Args:
        content_type: The request's header.
        receive: The ASGI request's messages.
        max_bytes: Of the whole body.
        timeout_seconds: How long the body may stand still.
        lists: Names of fields that may be there more than once, besides those with brackets.

    Raises:
        UnsupportedContentTypeError: The body is no form.
        MalformedBodyError: The header names no boundary, or one that can't be used.
    """

    def __init__(
        self,
        content_type: str | None,
        receive: Receive,
        max_bytes: int,
        timeout_seconds: float,
        *,
        lists: Collection[str] = (),
    ) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise UnsupportedContentTypeError(
                "Send the recording as multipart/form-data, in the field 'file': "
                "curl -F file=@talk.mp3 …"
            )
        boundary = options.get(b"boundary")
        if not boundary:
            raise MalformedBodyError("The Content-Type header names no boundary.")
        self._receive = receive
        self._max_bytes = max_bytes
        self._timeout = timeout_seconds
        self._bytes = 0
        self._complete = False
        try:
            self._form = _Form(boundary, lists)
        except FormParserError:
            raise MalformedBodyError(
                "The boundary of the Content-Type header is too long."
            ) from None

    async def next_event(self) -> FormEvent | None:
        """Return the next event, or None at the end of the form.

        Raises:
            RequestError: The form is broken, too large, or stands still.
            ClientGoneError: The client has gone away.
        """
        while not self._form.events:
            if self._complete:
                return None
            await self._feed()
        return self._form.events.popleft()

    async def file_data(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file that has just begun, until its end."""
        pieces: list[bytes] = []
        size = 0
        while isinstance(event := await self.next_event(), FileData):
            pieces.append(event.data)
            size += len(event.data)
            if size >= CHUNK_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
        if size:
            yield b"".join(pieces)

    async def _feed(self) -> None:
        message = await next_message(self._receive, self._timeout)
        body: bytes = message.get("body", b"")
        self._bytes += len(body)
        if self._bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._complete = not message.get("more_body", False)
        self._form.feed(body, last=self._complete)


async def next_message(receive: Receive, timeout_seconds: float) -> MutableMapping[str, Any]:
    """Return the next piece of a request's body.

    Raises:
        BodyTimeoutError: None came in time.
        ClientGoneError: The client has gone away.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            message = await receive()
    except TimeoutError:
        raise BodyTimeoutError(
            f"Nothing of the body arrived for {timeout_seconds:.0f} s. Try again, on a "
            f"connection that doesn't stall."
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message


def too_large(max_bytes: int) -> FileTooLargeError:
    """Return the error for a body over the limit."""
    return FileTooLargeError(
        f"The upload is larger than the {max_bytes} bytes that this server accepts from you. Send "
        f"less, or have DALSTON_MAX_UPLOAD_BYTES or your key's limit raised.",
        param="file",
    )


class _Form:
    """Turns the parser's callbacks into events."""

    def __init__(self, boundary: bytes, lists: Collection[str]) -> None:
        self._lists = lists
        self.events: deque[FormEvent] = deque()
        self._error: RequestError | None = None
        self._headers: dict[str, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._part: FileStart | str = ""
        self._text = bytearray()
        self._seen: set[str] = set()
        self._fields = 0
        self._text_bytes = 0
        self._ended = False
        self._delimiter = b"\r\n--" + boundary
        self._delimiters = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes, *, last: bool) -> None:
        """Parse some bytes of the body.

        Raises:
            RequestError: The form is broken, or has more than it may have.
        """
        began = time.thread_time()
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise MalformedBodyError(f"The form can't be read: {error}") from None
        if time.thread_time() - began > _LONG_SECONDS:
            self._limit_delimiters(data)
        if last and not self._ended:
            raise MalformedBodyError(
                "The body ends before its closing boundary; the upload was cut off. Send it again."
            )

    def _limit_delimiters(self, data: bytes) -> None:
        """Refuse a file of what parts begin with: none may have any (RFC 2046, section 5.1.1).

        Each costs as much as a page of sound, and nobody else is answered meanwhile.
        """
        padded = self._parser.state == MultipartState.BOUNDARY_PADDING
        self._delimiters += MAX_FIELDS if padded else data.count(self._delimiter)
        if self._delimiters > MAX_FIELDS:
            raise TooManyFieldsError(
                f"The form's boundary is there more than {MAX_FIELDS} times, or is followed by too "
                f"many blanks. Use one that is nowhere in the recording."
            )

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise TooManyFieldsError(f"A form may have at most {MAX_FIELDS} fields.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._limit_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._limit_header()

    def _limit_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > _MAX_HEADER_BYTES:
            raise TooManyFieldsError("A part of the form has a header that is too long.")

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._headers[name] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get("content-disposition", b"")
        _, options = parse_options_header(disposition)
        name = self._new_name(options.get(b"name", b""))
        self._text.clear()
        plain = options.get(b"filename")
        extended = extended_filename(disposition, beside_another=plain is not None)
        filename = extended if plain is None else extended or plain
        if filename is not None:
            kind = self._headers.get("content-type", b"").decode("latin-1")
            self._part = FileStart(name, clean_filename(filename), kind)
            self.events.append(self._part)
        elif name == FILE_FIELD:
            raise MissingFileError(
                f"The field '{name}' is plain text. Send a file: curl -F {name}=@talk.mp3 …",
                param=name,
            )
        else:
            self._part = name

    def _new_name(self, data: bytes) -> str:
        if len(data) > MAX_NAME_BYTES:
            raise TooManyFieldsError(
                f"The name of a field may have at most {MAX_NAME_BYTES} bytes."
            )
        name = decode_text(data)
        if not name:
            raise MalformedBodyError("A part of the form has no name.")
        if name in self._seen and not (name.endswith(_OF_A_LIST) or name in self._lists):
            raise DuplicateFieldError(f"The field '{name}' is there twice.", param=name)
        self._seen.add(name)
        return name

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if isinstance(self._part, FileStart):
            self.events.append(FileData(data[start:end]))
            return
        self._text += data[start:end]
        self._text_bytes += end - start
        if self._text_bytes > MAX_TEXT_BYTES:
            raise TooManyFieldsError(
                f"The text fields of a form may have at most {MAX_TEXT_BYTES} bytes together."
            )

    def _on_part_end(self) -> None:
        if isinstance(self._part, FileStart):
            self.events.append(FileEnd())
        else:
            self.events.append(TextField(self._part, decode_text(bytes(self._text), self._part)))

    def _on_end(self) -> None:
        self._ended = True


def decode_text(data: bytes, name: str | None = None) -> str:
    """Return text that a client sent.

    Args:
        data: UTF-8.
        name: The field that it is the value of, for the error; None if it is itself the name.

    Raises:
        InvalidTextError: It isn't UTF-8, or has control characters.
    """
    what = "The name of a field" if name is None else f"The field '{name}'"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidTextError(f"{what} is not UTF-8 text. Send UTF-8.", param=name) from None
    if any(unicodedata.category(char) == "Cc" and char not in "\t\n\r" for char in text):
        raise InvalidTextError(f"{what} has control characters. Leave them out.", param=name)
    return text
