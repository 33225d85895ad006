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
_BEGINS_UNIT = 0x40
_HAS_FIELDS = 0x20
_UNIT = b"\0\0\1"
_SOUND_UNITS = frozenset(bytes([number]) for number in (0xBD, *range(0xC0, 0xE0)))
"""MPEG audio and AAC; AC-3 and others that are private."""
_MOST_BESIDE = 50
"""Units of sound, each a fifth of a second and more, that other streams may have at the end of one
that they go beside."""
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
    for position in _packets(content):
        head = content[position : position + 4]
        stream, counter = _stream(head), head[3] & 0x0F
        if stream == _TABLE_OF_PROGRAMS and not counter:
            if _all_begin(first):
                return True
            first = {stream: counter}
        elif first and stream != _NO_STREAM and _has_payload(head[3]):
            first.setdefault(stream, counter)
    return _all_begin(first)


def has_other_sound(file: BinaryIO, start: int, stream: int) -> bool:
    """Tell whether other sound goes on where a stream has ended.

    A file in which recordings of several programs lie has its sound in several streams, and so
    has a broadcast whose program changed the number of its stream.

    Args:
        file: Open for reading, seekable; is left where it stands.
        start: Where the last packet begins.
        stream: The number of the stream.
    """
    stands = file.tell()
    file.seek(start)
    content = file.read(_MOST_BYTES)
    file.seek(stands)
    others = 0
    for position in _packets(content):
        packet = content[position : position + _PACKET_BYTES[0]]
        others += _stream(packet) != stream and _begins_sound(packet)
        if others > _MOST_BESIDE:
            return True
    return False


def _begins_sound(packet: bytes) -> bool:
    """Tell whether a unit of sound begins in a packet (ISO/IEC 13818-1, 2.4.3.7)."""
    if not packet[1] & _BEGINS_UNIT or not _has_payload(packet[3]):
        return False
    payload = 5 + packet[4] if packet[3] & _HAS_FIELDS else 4
    return (
        packet[payload : payload + 3] == _UNIT and packet[payload + 3 : payload + 4] in _SOUND_UNITS
    )


def _stream(head: bytes) -> int:
    return (head[1] & 0x1F) << 8 | head[2]


def _packets(content: bytes) -> Iterator[int]:
    """Give where each packet begins.

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
            yield position
            size = sizes[0]
        position += size if sizes else 1


def _all_begin(first: dict[int, int]) -> bool:
    """Tell it by the first counter of each stream, by its number."""
    return len(first) >= _LEAST_STREAMS and not any(first.values())


def _has_payload(control: int) -> bool:
    return bool(control & 0x10)
