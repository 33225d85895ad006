"""How long a task may take, and when the next one's input should be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dalston.common.engine_spec import Limits

_BYTES_PER_AUDIO_SECOND = 1000.0
"""Fewer than any speech codec in use (8 kbit/s): the longest audio that a file may hold."""
_SOON_SECONDS = 3.0
_PACE_WEIGHT = 0.3


def deadline_seconds(
    limits: Limits, audio_bytes: int, previous_outputs: Mapping[str, Any]
) -> float:
    """Return how many seconds a task may take.

    Args:
        limits: The engine's.
        audio_bytes: Size of the original recording.
        previous_outputs: By stage; a `duration` in any of them is the audio's, in seconds.
    """
    known = [
        float(output["duration"])
        for output in previous_outputs.values()
        if isinstance(output, dict) and isinstance(output.get("duration"), int | float)
    ]
    audio_seconds = max(known) if known else audio_bytes / _BYTES_PER_AUDIO_SECOND
    return limits.base_seconds + limits.seconds_per_audio_second * audio_seconds


class Pace:
    """How long a slot's tasks take, as a moving average."""

    def __init__(self) -> None:
        self._average: float | None = None

    def add(self, seconds: float) -> None:
        """Count a task that has ended."""
        if self._average is None:
            self._average = seconds
        else:
            self._average += _PACE_WEIGHT * (seconds - self._average)

    def ends_soon(self, elapsed: float, progress: tuple[float, float] | None) -> bool:
        """Tell whether the current task should end within a few seconds.

        Args:
            elapsed: Seconds since it began.
            progress: Done and total, if the engine reports it.
        """
        if progress is not None and progress[0] > 0:
            done, total = progress
            return elapsed * (total - done) / done < _SOON_SECONDS
        if self._average is None:
            return False
        return self._average - elapsed < _SOON_SECONDS
