"""Multipart bodies, good and bad, byte for byte."""

from __future__ import annotations

from tests.bad_input.wire import head
from tests.support.stack import TRANSCRIPTIONS

BOUNDARY = "------------------------3f9a1c0b7d2e"
CONTENT_TYPE = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
OPENING = b"--" + BOUNDARY.encode() + b"\r\n"
CLOSING = b"--" + BOUNDARY.encode() + b"--\r\n"
AUDIO = b"RIFF\x24\x00\x00\x00WAVE, or so it says"


def part(disposition: str | bytes, value: bytes, *headers: str) -> bytes:
    """Return one part of a form; `disposition` comes after `form-data; `, as it is."""
    raw = disposition if isinstance(disposition, bytes) else disposition.encode("latin-1")
    lines = [b"Content-Disposition: form-data; " + raw, *(line.encode() for line in headers)]
    return OPENING + b"\r\n".join(lines) + b"\r\n\r\n" + value + b"\r\n"


def text(name: str, value: bytes) -> bytes:
    """Return a part with text."""
    return part(f'name="{name}"', value)


def file(filename: str | bytes = "talk.wav", data: bytes = AUDIO) -> bytes:
    """Return a part with a file in the field `file`; a name as bytes is sent as it is."""
    raw = filename if isinstance(filename, bytes) else filename.encode()
    return part(b'name="file"; filename="' + raw + b'"', data, "Content-Type: audio/wav")


def form(*parts: bytes) -> bytes:
    """Return the body of a whole form."""
    return b"".join(parts) + CLOSING


def submission(body: bytes, content_type: str = CONTENT_TYPE) -> bytes:
    """Return the request that submits a body."""
    return head(TRANSCRIPTIONS, content_type, f"Content-Length: {len(body)}") + body
