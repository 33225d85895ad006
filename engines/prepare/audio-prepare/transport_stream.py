"""Tells where another MPEG transport stream begins in a file (ISO/IEC 13818-1, 2.4.3)."""

from __future__ import annotations

from typing import BinaryIO

_PACKET_BYTES = 188
_SYNC = 0x47
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
    content = file.read(end - start + _PACKET_BYTES)
    file.seek(stands)
    first: dict[int, int] = {}
    # What comes before may have been cut off inside a packet.
    aligned = (end - start) % _PACKET_BYTES
    for position in range(aligned, len(content) - _PACKET_BYTES + 1, _PACKET_BYTES):
        sync, high, low, control = content[position : position + 4]
        if sync != _SYNC:
            first = {}
            continue
        stream, counter = (high & 0x1F) << 8 | low, control & 0x0F
        if stream == _TABLE_OF_PROGRAMS and not counter:
            if _all_begin(first):
                return True
            first = {stream: counter}
        elif first and stream != _NO_STREAM and _has_payload(control):
            first.setdefault(stream, counter)
    return _all_begin(first)


def _all_begin(first: dict[int, int]) -> bool:
    """Tell it by the first counter of each stream, by its number."""
    return len(first) >= _LEAST_STREAMS and not any(first.values())


def _has_payload(control: int) -> bool:
    return bool(control & 0x10)
