"""Writes 16 kHz mono PCM to a WAV file as it comes, never holding more than a piece of it."""

from __future__ import annotations

import errno
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2
_HEADER_BYTES = 44
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WavWriter:
    """A WAV file (RIFF, PCM, signed 16-bit little-endian, mono) that grows.

    The header's two sizes are written when the file is closed.

    Args:
        path: The file to make.
        longest_seconds: How much to take before the recording is refused. Must leave the file
            below 4 GiB, the most that a RIFF header can say: 37 hours.

    Attributes:
        samples: How many are written.
    """

    def __init__(self, path: Path, longest_seconds: float) -> None:
        self.samples = 0
        self._longest_seconds = longest_seconds
        self._file = path.open("wb")
        self._file.write(_header(0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._file.seek(0)
                self._file.write(_header(self.samples * _BYTES_PER_SAMPLE))
        finally:
            self._file.close()

    def write(self, pcm: bytes) -> None:
        """Append samples.

        Args:
            pcm: Signed 16-bit little-endian.

        Raises:
            TaskFailed: `audio_too_long`, or `no_temporary_space`, which a retry may cure.
        """
        self.samples += len(pcm) // _BYTES_PER_SAMPLE
        if self.samples > self._longest_seconds * SAMPLE_RATE:
            raise TaskFailed(
                "audio_too_long",
                f"The recording is longer than {self._longest_seconds / 3600:g} hours. Cut it "
                f"into parts, or raise longest_seconds of the engine audio-prepare.",
            )
        try:
            self._file.write(pcm)
        except OSError as error:
            if error.errno not in _FULL_DISK:
                raise
            raise TaskFailed(
                "no_temporary_space",
                "The disk of the work folder is full. Free some space, then try again.",
                retryable=True,
            ) from error


def _header(data_bytes: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        _HEADER_BYTES - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        SAMPLE_RATE,
        SAMPLE_RATE * _BYTES_PER_SAMPLE,
        _BYTES_PER_SAMPLE,
        8 * _BYTES_PER_SAMPLE,
        b"data",
        data_bytes,
    )
