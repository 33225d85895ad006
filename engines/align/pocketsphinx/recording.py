"""Reads stretches of a prepared recording."""

from __future__ import annotations

import wave
from pathlib import Path

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2


class Recording:
    """A WAV file of 16 kHz, mono, 16-bit samples.

    Args:
        path: The file.

    Attributes:
        duration: Seconds.

    Raises:
        TaskFailed: `wrong_audio`: it is another kind of file.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by close()
        except (wave.Error, EOFError) as error:
            raise _wrong(f"The file can't be read as one ({error})") from error
        kind = (
            self._file.getframerate(),
            self._file.getnchannels(),
            self._file.getsampwidth(),
        )
        if kind != (SAMPLE_RATE, 1, _BYTES_PER_SAMPLE):
            self._file.close()
            rate, channels, width = kind
            raise _wrong(f"This one has {rate} Hz, {channels} channels and {8 * width} bits")
        self.duration = self._file.getnframes() / SAMPLE_RATE

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def samples(self, start: float, end: float) -> bytes:
        """Return a stretch, signed 16-bit; shorter where the recording ends before.

        Args:
            start: Seconds from the recording's start.
            end: Likewise; nothing is returned if it isn't after `start`.
        """
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        if not 0 <= first < min(last, self._file.getnframes()):
            return b""
        self._file.setpos(first)
        return self._file.readframes(last - first)


def _wrong(reason: str) -> TaskFailed:
    return TaskFailed(
        "wrong_audio",
        f"The engine pocketsphinx needs a WAV file of 16 kHz, mono, 16 bits. {reason}. Put the "
        f"stage `prepare` in front of this one.",
    )
