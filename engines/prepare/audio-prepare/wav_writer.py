"""Writes 16 kHz mono PCM as WAV: a piece at once, or a recording whose length isn't known yet."""

from __future__ import annotations

import struct
from typing import BinaryIO

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
_HEADER_BYTES = 44
_UNKNOWN_SIZE = 0xFFFFFFFF


class WavWriter:
    """A WAV file (RIFF, PCM, signed 16-bit little-endian, mono) that is written as it comes.

    Its header stands in front and says that the length isn't known; who is given the file later
    gets it with the right one (`TaskInput.create`).

    Args:
        file: Takes the bytes, one after the other.
        longest_seconds: How much to take before the recording is refused. Must leave the file
            below 4 GiB, the most that a RIFF header can say: 37 hours.

    Attributes:
        samples: How many are written.
    """

    def __init__(self, file: BinaryIO, longest_seconds: float) -> None:
        self.samples = 0
        self._longest_seconds = longest_seconds
        self._file = file
        self._file.write(_header(_UNKNOWN_SIZE, _UNKNOWN_SIZE))

    def write(self, pcm: bytes) -> None:
        """Append samples.

        Args:
            pcm: Signed 16-bit little-endian.

        Raises:
            TaskFailed: `audio_too_long`.
        """
        self.samples += len(pcm) // BYTES_PER_SAMPLE
        if self.samples > self._longest_seconds * SAMPLE_RATE:
            raise TaskFailed(
                "audio_too_long",
                f"The recording is longer than {self._longest_seconds / 3600:g} hours. Cut it "
                f"into parts, or raise longest_seconds of the engine audio-prepare.",
            )
        self._file.write(pcm)


def wav_bytes(pcm: bytes) -> bytes:
    """Return a whole WAV file.

    Args:
        pcm: Signed 16-bit little-endian samples.
    """
    return _header(_HEADER_BYTES - 8 + len(pcm), len(pcm)) + pcm


def _header(riff_bytes: int, data_bytes: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        SAMPLE_RATE,
        SAMPLE_RATE * BYTES_PER_SAMPLE,
        BYTES_PER_SAMPLE,
        8 * BYTES_PER_SAMPLE,
        b"data",
        data_bytes,
    )
