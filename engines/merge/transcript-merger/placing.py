"""Orders and numbers the transcript's segments and makes their times fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any

Segments = list[dict[str, Any]]
Moved = list[float]
"""Seconds by which starts of segments and words were moved: what no rounding explains."""

_ROUNDED_SECONDS = 1.0
"""By less than this engines miss the end of what they hear."""

_WORD_FACTS = ("text", "confidence", "speaker")
_SEGMENT_FACTS = ("confidence", "speaker", "no_speech_probability", "compression_ratio")


def in_order(groups: Iterable[tuple[float, Segments]]) -> Iterator[dict[str, Any]]:
    """Yield segments in order of time.

    Args:
        groups: Segments, and the second before which none of them or of later groups begins.
    """
    waiting: list[tuple[float, int, dict[str, Any]]] = []
    numbers = count()
    for begins, segments in groups:
        while waiting and waiting[0][0] < begins:
            yield heappop(waiting)[-1]
        for segment in segments:
            heappush(waiting, (float(segment["start"]), next(numbers), segment))
    while waiting:
        yield heappop(waiting)[-1]


def times_moved(moved: Moved) -> Segments:
    """Return the warning that times were none that can be, if there were such."""
    if not moved:
        return []
    message = (
        f"By the transcriber's times, {len(moved)} of the segments and words begin behind the end "
        f"of the recording or out of order, by up to {max(moved):.0f} s. They were put to the "
        f"nearest place where they can be, so times in the transcript are wrong. A transcriber "
        f"must give seconds from the start of the audio that it gets."
    )
    return [{"code": "times_moved", "message": message}]


def place_segments(
    segments: Iterable[dict[str, Any]], duration: float, moved: Moved
) -> Iterator[dict[str, Any]]:
    """Number segments, none outside of the recording, none before another.

    Args:
        segments: In order, timed in seconds of the recording; those without text are left out.
        duration: Seconds of the recording.
        moved: Is told of starts that can't be what they are said to be.
    """
    number = 0
    earliest = 0.0
    for segment in segments:
        text = str(segment["text"]).strip()
        if not text:
            continue
        start, end = _place(segment, earliest, duration, moved)
        earliest = start
        facts = {name: segment[name] for name in _SEGMENT_FACTS if segment.get(name) is not None}
        result = {"id": number, "start": start, "end": end, **facts, "text": text}
        if segment.get("words") is not None:
            result["words"] = _place_words(segment["words"], start, end, moved)
        number += 1
        yield result


def _place_words(words: Segments, start: float, end: float, moved: Moved) -> Segments:
    """Put words into their segment's time, one after the other."""
    placed = []
    earliest = start
    for word in words:
        word_start, word_end = _place(word, earliest, end, moved)
        earliest = word_start
        facts = {name: word[name] for name in _WORD_FACTS if word.get(name) is not None}
        placed.append({**facts, "start": word_start, "end": word_end})
    return placed


def _place(
    span: dict[str, Any], earliest: float, latest: float, moved: Moved
) -> tuple[float, float]:
    start = min(max(round(float(span["start"]), _DIGITS), earliest), latest)
    if abs(start - span["start"]) > _ROUNDED_SECONDS:
        moved.append(abs(start - span["start"]))
    end = min(max(round(float(span["end"]), _DIGITS), start), latest)
    return start, end


_DIGITS = 6
"""Of seconds; more only show how computers add."""
