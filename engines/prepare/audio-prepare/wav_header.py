"""Reads what a WAV file's header declares (RIFF: IBM and Microsoft, 1991; RF64: EBU Tech 3306)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_STREAMED_SIZE = 0x7FFF0000
"""Programs that write to a pipe declare a size from here up, because they don't know it."""

_LONGEST_WALK = 10_000
"""Chunks to look at before a file is taken for damaged."""


@dataclass(frozen=True)
class WavHeader:
    """What the header says; nothing of it need be true.

    Attributes:
        channels: As declared, or None if there is no `fmt ` chunk.
        sample_rate: Hertz, as declared, or None likewise.
        has_data: Whether there is a `data` chunk.
        missing_bytes: How much of the declared samples is not in the file; 0 if all of it is
            there or the header doesn't know.
    """

    channels: int | None = None
    sample_rate: int | None = None
    has_data: bool = False
    missing_bytes: int = 0


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
                return WavHeader(channels, sample_rate, has_data=True, missing_bytes=missing)
            position += 8 + size + (size & 1)
        return WavHeader(channels, sample_rate)
    finally:
        file.seek(0)


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")
