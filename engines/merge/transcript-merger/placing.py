"""Numbers the transcript's segments and makes their times fit."""

from __future__ import annotations

from typing import Any

_WORD_FACTS = ("text", "confidence", "speaker")
_SEGMENT_FACTS = ("confidence", "speaker", "no_speech_probability", "compression_ratio")


def place_segments(segments: list[dict[str, Any]], duration: float) -> list[dict[str, Any]]:
    """Number segments in order of time, none outside of the recording, none before another.

    Args:
        segments: Timed in seconds of the recording; those without text are left out.
        duration: Seconds of the recording.
    """
    placed: list[dict[str, Any]] = []
    earliest = 0.0
    for segment in sorted(segments, key=lambda segment: float(segment["start"])):
        text = str(segment["text"]).strip()
        if not text:
            continue
        start, end = _place(segment, earliest, duration)
        earliest = start
        facts = {name: segment[name] for name in _SEGMENT_FACTS if segment.get(name) is not None}
        result = {"id": len(placed), "start": start, "end": end, **facts, "text": text}
        if segment.get("words") is not None:
            result["words"] = _place_words(segment["words"], start, end)
        placed.append(result)
    return placed


def _place_words(words: list[dict[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    """Put words into their segment's time, one after the other."""
    placed = []
    earliest = start
    for word in words:
        word_start, word_end = _place(word, earliest, end)
        earliest = word_start
        facts = {name: word[name] for name in _WORD_FACTS if word.get(name) is not None}
        placed.append({**facts, "start": word_start, "end": word_end})
    return placed


def _place(span: dict[str, Any], earliest: float, latest: float) -> tuple[float, float]:
    start = min(max(round(float(span["start"]), _DIGITS), earliest), latest)
    end = min(max(round(float(span["end"]), _DIGITS), start), latest)
    return start, end


_DIGITS = 6
"""Of seconds; more only show how computers add."""
