"""Reads what a WAV file's header declares (RIFF: IBM and Microsoft, 1991; RF64: EBU Tech 3306)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_STREAMED_SIZE = 0x7FFF0000
"""Programs that write to a pipe declare a size from here up, because they don't know it."""

_LONGEST_WALK = 10_000
"""Chunks to look at before a file is taken for damaged."""

_ANOTHER_FILE = frozenset({b"RIFF", b"RIFX", b"RF64", b"BW64"})
_LEAST_UNREAD = 4096
"""Bytes of no known kind behind the samples; fewer are padding or a tag, or hardly any sound."""


@dataclass(frozen=True)
class WavHeader:
    """What the header says; nothing of it need be true.

    Attributes:
        channels: As declared, or None if there is no `fmt ` chunk.
        sample_rate: Hertz, as declared, or None likewise.
        has_data: Whether there is a `data` chunk.
        missing_bytes: How much of the declared samples is not in the file; 0 if all of it is
            there or the header doesn't know.
        unread_bytes: How much lies behind the declared samples that is no chunk, or another
            file; 0 if it is next to nothing. It may be sound, and FFmpeg passes it over.
    """

    channels: int | None = None
    sample_rate: int | None = None
    has_data: bool = False
    missing_bytes: int = 0
    unread_bytes: int = 0


def read_wav_header(file: BinaryIO, file_bytes: int) -> WavHeader:
    """Read a WAV file's header; leaves the file at its start.

    Args:
        file: Open for reading, seekable, known to be WAV.
        file_bytes: Size of the whole file.
    """
    channels = sample_rate = None
    large_size = 0
    position = 12
    try:
        for _ in range(_LONGEST_WALK):
            file.seek(position)
            head = file.read(8)
            if len(head) < 8:  # noqa: PLR2004 - an identifier and a size
                break
            name, size = struct.unpack("<4sI", head)
            if name == b"ds64":
                large_size = _number(file.read(16)[8:16])
            elif name == b"fmt ":
                fields = file.read(8)
                channels, sample_rate = _number(fields[2:4]), _number(fields[4:8])
            elif name == b"data":
                known = bool(large_size) or size < _STREAMED_SIZE
                declared = (large_size or size) if known else 0
                missing = max(0, declared - (file_bytes - position - 8))
                unread = _unread(file, position + 8 + declared, file_bytes) if declared else 0
                return WavHeader(
                    channels,
                    sample_rate,
                    has_data=True,
                    missing_bytes=missing,
                    unread_bytes=unread,
                )
            position += 8 + size + (size & 1)
        return WavHeader(channels, sample_rate)
    finally:
        file.seek(0)


def _unread(file: BinaryIO, position: int, file_bytes: int) -> int:
    """Return how many bytes from here to the file's end are no chunks of this file."""
    for _ in range(_LONGEST_WALK):
        after = _after_chunk(file, position, file_bytes)
        if after is None and position & 1:
            # Samples of an odd size have a byte of padding behind them, which some forget.
            position += 1
            after = _after_chunk(file, position, file_bytes)
        if after is None:
            break
        position = after
    left = file_bytes - position
    file.seek(max(0, min(position, file_bytes)))
    another = file.read(4) in _ANOTHER_FILE
    return left if another or left >= _LEAST_UNREAD else 0


def _after_chunk(file: BinaryIO, position: int, file_bytes: int) -> int | None:
    """Return where the chunk here ends, or None if there is none."""
    file.seek(position)
    head = file.read(8)
    name, end = head[:4], position + 8 + _number(head[4:])
    plausible = len(head) == 8 and all(0x20 <= letter < 0x7F for letter in name)  # noqa: PLR2004 - printable ASCII
    return end if plausible and name not in _ANOTHER_FILE and end <= file_bytes else None


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")
