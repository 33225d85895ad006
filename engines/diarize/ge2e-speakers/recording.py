"""Reads a prepared recording piece by piece, so that memory stays small."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32_768

Samples = NDArray[np.float32]


class Recording:
    """A WAV file as the stage `prepare` makes it: 16 kHz, mono, signed 16-bit.

    Args:
        file: The file, open for reading.

    Attributes:
        samples: How many there are.

    Raises:
        TaskFailed: `wrong_audio`.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._file = wave.open(file, "rb")  # noqa: SIM115 - closed by __exit__
        except (wave.Error, EOFError) as error:
            raise _wrong() from error
        kind = (self._file.getframerate(), self._file.getnchannels(), self._file.getsampwidth())
        if kind != (SAMPLE_RATE, 1, _BYTES_PER_SAMPLE):
            self._file.close()
            raise _wrong()
        self.samples = self._file.getnframes()

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / SAMPLE_RATE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, start: int, end: int) -> Samples:
        """Return some samples, from -1 to 1; fewer than asked for where the file ends.

        Args:
            start: The first one.
            end: The one behind the last.
        """
        self._file.setpos(min(start, self.samples))
        pcm = self._file.readframes(end - start)
        return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)

    def blocks(self, length: int) -> Iterator[Samples]:
        """Give all samples, in blocks of one length; the last may be shorter."""
        for start in range(0, self.samples, length):
            yield self.read(start, start + length)


def _wrong() -> TaskFailed:
    return TaskFailed(
        "wrong_audio",
        "This is not a WAV file of 16 kHz, mono, 16-bit. Put the stage `prepare` with the engine "
        "audio-prepare in front, which makes one of any recording.",
    )
