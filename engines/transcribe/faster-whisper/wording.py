"""Turns what faster-whisper returns into the transcript's segments and words."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

from faster_whisper.transcribe import Segment, Word

_LEAST_PROBABILITY = 0.0001
"""One of 0 would be the mean's; probabilities are rounded to so much."""


class Segments:
    """Collects segments: in order, within the recording, without empty ones.

    Args:
        duration: Seconds of the recording.
    """

    def __init__(self, duration: float) -> None:
        self.found: list[dict[str, Any]] = []
        self._duration = self._latest = duration
        self._earliest = 0.0

    def add(
        self, segment: Segment, offset: float, latest: float, other_language: str | None = None
    ) -> None:
        """Take one segment.

        Args:
            segment: As faster-whisper gives it.
            offset: Seconds to add to its times.
            latest: Seconds until which somebody speaks; what seems to end later ends there.
            other_language: What is spoken there if that isn't what is written.
        """
        self._latest = min(latest, self._duration)
        text = segment.text.strip()
        if not text:
            return
        start, end = self._place(segment.start, segment.end, offset, self._earliest)
        self._earliest = start
        result: dict[str, Any] = {
            "start": start,
            "end": end,
            "text": text,
            # What is not a number must come first: otherwise 0.0 counts as the smaller one.
            "confidence": _probability(math.exp(min(segment.avg_logprob, 0.0))),
            "no_speech_probability": _probability(segment.no_speech_prob),
            "compression_ratio": round(float(segment.compression_ratio), 3),
        }
        if other_language is not None:
            result["other_language"] = other_language
        if segment.words is not None:
            result["words"] = self._words(segment.words, offset, start)
        self.found.append(result)

    def _words(self, words: list[Word], offset: float, earliest: float) -> list[dict[str, Any]]:
        placed: list[dict[str, Any]] = []
        parts: list[float] = []
        for word in words:
            text = word.word.strip()
            if not text:
                continue
            start, end = self._place(word.start, word.end, offset, earliest)
            earliest = start
            if placed and is_rest_of_word(word.word):
                parts.append(word.probability)
                sure = _probability(math.fsum(parts) / len(parts))
                whole = {"text": placed[-1]["text"] + text, "end": end, "confidence": sure}
                placed[-1] = {**placed[-1], **whole}
                continue
            parts = [word.probability]
            placed.append(
                {
                    "text": text,
                    "start": start,
                    "end": end,
                    "confidence": _probability(word.probability),
                }
            )
        return placed

    def _place(
        self, start: float, end: float, offset: float, earliest: float
    ) -> tuple[float, float]:
        placed_start = min(max(round(float(start) + offset, 3), earliest), self._latest)
        placed_end = min(max(round(float(end) + offset, 3), placed_start), self._latest)
        return placed_start, placed_end


def is_rest_of_word(text: str) -> bool:
    """Tell whether a text is no word, because it begins with a mark that shapes a letter before.

    In scripts without spaces each sign is a word to faster-whisper, vowels above a letter too.
    """
    return unicodedata.category(text[0]).startswith("M")


def with_own_confidence(segment: dict[str, Any]) -> dict[str, Any]:
    """Return a segment with the confidence of its own words, if they are known.

    Until then it has that of all that was heard together, which is what tells doubtful text.

    Args:
        segment: As `Segments` makes it, or a part of one.
    """
    told = [word["confidence"] for word in segment.get("words") or () if "confidence" in word]
    if not told:
        return segment
    mean = math.exp(math.fsum(math.log(max(one, _LEAST_PROBABILITY)) for one in told) / len(told))
    return {**segment, "confidence": _probability(mean)}


def _probability(value: float) -> float:
    """Return a plain number from 0 to 1; what is not a number is no confidence at all."""
    number = float(value)
    return round(min(max(number, 0.0), 1.0), 4) if math.isfinite(number) else 0.0
