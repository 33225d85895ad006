"""Puts the outputs of a stage together that worked on chunks, so that they read as one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from joining import join
from wording import cut_segment, words_of

Segments = list[dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """What a stage found in one chunk, or in the whole recording.

    Attributes:
        offset: Seconds from the recording's start to that of the chunk.
        core_start: Where the time begins that belongs to this chunk alone.
        core_end: Where that ends.
        output: The stage's output; its times begin at `offset`.
        channel: The channel that it is of, counted from 1; None means all of them, mixed.
    """

    offset: float
    core_start: float
    core_end: float
    output: dict[str, Any]
    channel: int | None = None

    def holds(self, span: dict[str, Any]) -> bool:
        """Tell whether the middle of a span of the recording belongs to this chunk."""
        return self.core_start <= middle(span) < self.core_end


def parts_of(output: dict[str, Any] | list[dict[str, Any]]) -> list[Part]:
    """Read what is known of a stage: a dictionary, or a list of them for its chunks."""
    if isinstance(output, dict):
        return [Part(0.0, -math.inf, math.inf, output)]
    parts = [
        Part(
            float(one["offset"]),
            float(one["core_start"]),
            float(one["core_end"]),
            one,
            one.get("channel"),
        )
        for one in output
    ]
    return sorted(parts, key=lambda part: part.core_start)


def by_channel(parts: list[Part]) -> dict[int | None, list[Part]]:
    """Return the parts of each channel, or all of them under None if they are of the mix."""
    channels = sorted({part.channel for part in parts}, key=lambda channel: channel or 0)
    return {channel: [p for p in parts if p.channel == channel] for channel in channels}


def realigned(parts: list[Part], aligned: list[Part]) -> list[Part]:
    """Return parts with the segments of the stage `align`, where it has some.

    Args:
        parts: Of the stage `transcribe`.
        aligned: Of the stage `align`; a chunk that failed there is missing.
    """
    if [part.core_start for part in aligned] == [-math.inf] or len(parts) < len(aligned):
        return aligned
    found = {(part.channel, part.offset): part for part in aligned}
    return [found.get((part.channel, part.offset), part) for part in parts]


def joined_segments(parts: list[Part], separator: str) -> Segments:
    """Return all segments, timed from the recording's start, each word once.

    Args:
        parts: In order of time, all of them of one channel, or of the mix.
        separator: What stands between words.
    """
    moved = [[_moved(segment, part.offset) for segment in _segments(part)] for part in parts]
    spoken = [[word for segment in found for word in words_of(segment)] for found in moved]
    ranges = _ranges(parts, spoken)
    result: Segments = []
    for part, found, (first, last) in zip(parts, moved, ranges, strict=True):
        # Two chunks may time the words at their cut differently; their order is known.
        earliest = _last_start(result) if part.offset < part.core_start else 0.0
        seen = 0
        for segment in found:
            count = len(words_of(segment))
            if count:
                kept = cut_segment(segment, first - seen, last - seen, separator)
                seen += count
            else:
                kept = segment if part.holds(segment) else None
            if kept is not None:
                result.append(_not_before(kept, earliest))
    return result


def middle(span: dict[str, Any]) -> float:
    """Return the middle of a span, in seconds."""
    return (float(span["start"]) + float(span["end"])) / 2


def _segments(part: Part) -> Segments:
    found: Segments = part.output.get("segments", [])
    return found


def _moved(span: dict[str, Any], offset: float) -> dict[str, Any]:
    moved = {**span, "start": span["start"] + offset, "end": span["end"] + offset}
    if span.get("words") is not None:
        moved["words"] = [_moved(word, offset) for word in span["words"]]
    return moved


def _not_before(span: dict[str, Any], earliest: float) -> dict[str, Any]:
    if span["start"] >= earliest:
        return span
    moved = {**span, "start": earliest, "end": max(span["end"], earliest)}
    if span.get("words") is not None:
        moved["words"] = [_not_before(word, earliest) for word in span["words"]]
    return moved


def _last_start(segments: Segments) -> float:
    """Return when the last word so far begins."""
    if not segments:
        return 0.0
    spans = words_of(segments[-1]) or segments
    return float(spans[-1]["start"])


def _ranges(parts: list[Part], spoken: list[Segments]) -> Iterator[tuple[int, int]]:
    """Yield for each part the first word that stays and the one behind the last."""
    begins = [_first_in_core(part, words) for part, words in zip(parts, spoken, strict=True)]
    ends = [_first_behind_core(part, words) for part, words in zip(parts, spoken, strict=True)]
    if parts:
        # Nothing is lost at the ends of the recording, where rounding may move a time.
        ends[-1] = len(spoken[-1])
    for number in range(1, len(parts)):
        before, after = parts[number - 1], parts[number]
        if before.core_end == after.core_start and after.offset < after.core_start:
            found = join(
                spoken[number - 1], spoken[number], at=after.core_start, begins=after.offset
            )
            if found is not None:
                ends[number - 1], begins[number] = found
    return zip(begins, ends, strict=True)


def _first_in_core(part: Part, words: Segments) -> int:
    outside = (middle(word) < part.core_start for word in words)
    return next((number for number, out in enumerate(outside) if not out), len(words))


def _first_behind_core(part: Part, words: Segments) -> int:
    behind = (middle(word) >= part.core_end for word in words)
    return next((number for number, out in enumerate(behind) if out), len(words))
