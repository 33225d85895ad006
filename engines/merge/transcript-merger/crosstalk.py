"""Notices that one voice is heard in two channels, so that its words stand in both."""

from __future__ import annotations

from typing import Any

from joining import plain
from wording import words_of

_SAME_TIME_SECONDS = 0.5
"""How far apart two channels may put one word."""
_FEWEST_WORDS = 4
_LEAST_SHARE = 0.5
"""So many words of a segment, and this share of the shorter one's, are no chance."""

Segment = dict[str, Any]


class Crosstalk:
    """Is shown all segments, and remembers only those that later ones may overlap."""

    def __init__(self) -> None:
        self._recent: list[Segment] = []
        self._places: dict[tuple[str, str], list[float]] = {}

    def take(self, segment: Segment) -> None:
        """Compare a segment with those of other channels at its time.

        Args:
            segment: In order of its start; its speaker is its channel.
        """
        start = float(segment["start"]) - _SAME_TIME_SECONDS
        self._recent = [one for one in self._recent if one["end"] > start]
        for other in self._recent:
            if other["speaker"] != segment["speaker"] and _is_same(other, segment):
                first, second = sorted((str(other["speaker"]), str(segment["speaker"])))
                times = self._places.setdefault((first, second), [float(other["start"]), 0.0])
                times[1] = max(times[1], float(segment["end"]), float(other["end"]))
        self._recent.append(segment)

    def warnings(self) -> list[dict[str, Any]]:
        """Return a warning for each two channels that have words in common."""
        return [
            {
                "code": "same_words_in_channels",
                "message": (
                    f"{one} and {other} have the same words at the same time: one voice is heard "
                    f"in both, so its words stand twice, and once under the wrong speaker. "
                    f"channels=mix has them once."
                ),
                "start": start,
                "end": end,
            }
            for (one, other), (start, end) in self._places.items()
        ]


def _is_same(one: Segment, other: Segment) -> bool:
    first, second = words_of(one), words_of(other)
    same = sum(any(_is_same_word(word, heard) for heard in second) for word in first)
    return same >= max(_FEWEST_WORDS, _LEAST_SHARE * min(len(first), len(second)))


def _is_same_word(one: dict[str, Any], other: dict[str, Any]) -> bool:
    near = abs(one["start"] + one["end"] - other["start"] - other["end"]) <= 2 * _SAME_TIME_SECONDS
    return near and bool(plain(one)) and plain(one) == plain(other)
