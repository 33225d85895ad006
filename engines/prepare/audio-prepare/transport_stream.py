"""Tells where another MPEG transport stream begins in a file (ISO/IEC 13818-1, 2.4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_PACKET_BYTES = (188, 192, 204)
"""Camcorders and Blu-ray put a time in front of each packet, receivers a checksum behind it."""
_SYNC = b"\x47"
_TABLE_OF_PROGRAMS = 0
_NO_STREAM = 0x1FFF
"""Number of the stream that only fills."""
_LEAST_STREAMS = 3
"""The two tables that each transport stream begins with, and sound or pictures."""
_MOST_BYTES = 8 * 1024 * 1024
"""Between two packets of sound; more are no pictures of a recording."""


def begins_anew(file: BinaryIO, start: int, end: int) -> bool:
    """Tell whether another transport stream begins between two packets of sound.

    A program that writes one begins with its tables and counts the packets of each stream from
    zero. Lost packets leave the counters anywhere.

    Args:
        file: Open for reading, seekable; is left where it stands.
        start: Where the packet before begins.
        end: Where this one begins.
    """
    if not 0 <= start < end <= start + _MOST_BYTES:
        return False
    stands = file.tell()
    file.seek(start)
    content = file.read(end - start + max(_PACKET_BYTES))
    file.seek(stands)
    first: dict[int, int] = {}
    for head in _packet_heads(content):
        stream, counter = (head[1] & 0x1F) << 8 | head[2], head[3] & 0x0F
        if stream == _TABLE_OF_PROGRAMS and not counter:
            if _all_begin(first):
                return True
            first = {stream: counter}
        elif first and stream != _NO_STREAM and _has_payload(head[3]):
            first.setdefault(stream, counter)
    return _all_begin(first)


def _packet_heads(content: bytes) -> Iterator[bytes]:
    """Give what each packet begins with.

    What comes before another stream may have been cut off inside a packet.
    """
    position, size = 0, _PACKET_BYTES[0]
    while 0 <= (position := content.find(_SYNC, position)) <= len(content) - _PACKET_BYTES[0]:
        # The next packet tells that this is one, but for the last.
        sizes = [
            guess
            for guess in (size, *_PACKET_BYTES)
            if content[position + guess : position + guess + 1] in (_SYNC, b"")
        ]
        if sizes:
            yield content[position : position + 4]
            size = sizes[0]
        position += size if sizes else 1


def _all_begin(first: dict[int, int]) -> bool:
    """Tell it by the first counter of each stream, by its number."""
    return len(first) >= _LEAST_STREAMS and not any(first.values())


def _has_payload(control: int) -> bool:
    return bool(control & 0x10)
