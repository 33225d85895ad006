"""How long a task may take, and when the next one's input should be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dalston.common.engine_spec import Limits

_BYTES_PER_AUDIO_SECOND = 1000.0
"""Fewer than any speech codec in use (8 kbit/s): the longest audio that a file may hold."""
_SOON_SECONDS = 3.0
_PACE_WEIGHT = 0.3
AHEAD_SECONDS = 0.2
"""As many tasks are claimed ahead as should be done within this."""
MOST_AHEAD = 32


def deadline_seconds(
    limits: Limits,
    audio_bytes: int,
    previous_outputs: Mapping[str, Any],
    audio_seconds: float | None = None,
) -> float:
    """Return how many seconds a task may take.

    Args:
        limits: The engine's.
        audio_bytes: Size of the original recording.
        previous_outputs: By stage; a `duration` in any of them is the recording's, in seconds.
        audio_seconds: Length of the audio, if it is a chunk of the recording.
    """
    if audio_seconds is not None:
        return limits.base_seconds + limits.seconds_per_audio_second * audio_seconds
    known = [
        float(output["duration"])
        for output in previous_outputs.values()
        if isinstance(output, dict) and isinstance(output.get("duration"), int | float)
    ]
    length = max(known) if known else audio_bytes / _BYTES_PER_AUDIO_SECOND
    return limits.base_seconds + limits.seconds_per_audio_second * length


class Pace:
    """How long a slot's tasks take, all that belongs to them included, as a moving average."""

    def __init__(self) -> None:
        self._average: float | None = None

    def add(self, seconds: float) -> None:
        """Count a task that has ended."""
        if self._average is None:
            self._average = seconds
        else:
            self._average += _PACE_WEIGHT * (seconds - self._average)

    @property
    def seconds(self) -> float | None:
        """How long a task takes, or None while none has ended."""
        return self._average

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

    def ahead(self, elapsed: float, progress: tuple[float, float] | None) -> int:
        """Return how many tasks should be claimed while the current one computes.

        One if it ends within seconds. More only if tasks are so quick that the runner would else
        spend its time between them: so many as are done before anybody misses them.

        Args:
            elapsed: Seconds since the current task began.
            progress: Done and total, if the engine reports it.
        """
        if self._average is not None:
            expected = max(self._average, elapsed)
            if expected < AHEAD_SECONDS:
                return min(MOST_AHEAD, max(1, int(AHEAD_SECONDS / max(expected, 1e-6))))
        return 1 if self.ends_soon(elapsed, progress) else 0
