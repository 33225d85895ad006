"""Puts the outputs of a stage together that worked on chunks, so that they read as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from joining import join
from wording import cut_segment, spread_words, words_of

Segments = list[dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """What a stage found in one chunk, or in the whole recording.

    Attributes:
        offset: Seconds from the recording's start to that of the chunk.
        core_start: Where the time begins that belongs to this chunk alone.
        core_end: Where that ends.
        facts: The stage's output but for its text and segments; its times begin at `offset`.
        read: Reads the whole output: what was said in many hours is not held at once.
        channel: The channel that it is of, counted from 1; None means all of them, mixed.
    """

    offset: float
    core_start: float
    core_end: float
    facts: dict[str, Any]
    read: Callable[[], dict[str, Any]]
    channel: int | None = None

    def segments(self) -> Segments:
        """Read the segments, whose times begin at `offset`."""
        found: Segments = self.read().get("segments", [])
        return found

    def holds(self, span: dict[str, Any]) -> bool:
        """Tell whether the middle of a span of the recording belongs to this chunk.

        What is at the very end does: later times of a file that ends there were moved to it.
        """
        return self.core_start <= middle(span) <= self.core_end


def parts_of(output: dict[str, Any] | Sequence[dict[str, Any]]) -> list[Part]:
    """Read what is known of a stage: a dictionary, or several of them for its chunks."""
    if isinstance(output, dict):
        return [_part(output, lambda: output, (0.0, -math.inf, math.inf))]
    parts = [
        _part(
            one,
            partial(output.__getitem__, number),
            (float(one["offset"]), float(one["core_start"]), float(one["core_end"])),
            one.get("channel"),
        )
        for number, one in enumerate(output)
    ]
    return sorted(parts, key=lambda part: part.core_start)


def _part(
    output: dict[str, Any],
    read: Callable[[], dict[str, Any]],
    times: tuple[float, float, float],
    channel: int | None = None,
) -> Part:
    facts = {name: value for name, value in output.items() if name not in {"text", "segments"}}
    return Part(*times, facts, read, channel)


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


def lost_in_alignment(parts: list[Part], aligned: list[Part]) -> Segments:
    """Return the warning that segments of the stage `align` have less text than was heard.

    Args:
        parts: Of the stage `transcribe`.
        aligned: What takes their place.
    """
    if aligned is parts or len(parts) != len(aligned):
        # Nothing was aligned; or one of them tells what chunks share once, the other one twice.
        return []
    heard, kept = (sum(map(_letters, of)) for of in (parts, aligned))
    if kept >= heard:
        return []
    message = (
        f"The stage align returned {kept} of the {heard} letters and digits that were heard. What "
        f"it left out is missing in the transcript: it must return all segments of the transcriber."
    )
    return [{"code": "text_lost_in_alignment", "message": message}]


def _letters(part: Part) -> int:
    return sum(map(str.isalnum, "".join(str(segment["text"]) for segment in part.segments())))


def joined_segments(parts: list[Part]) -> Iterator[tuple[float, Segments]]:
    """Yield the segments of one part after the other, each word once.

    Args:
        parts: In order of time, all of them of one channel, or of the mix.

    Yields:
        Where the part's sound begins, before which nothing of it or of later ones lies, and its
        segments, both in seconds from the recording's start.
    """
    last: dict[str, Any] | None = None
    for heard in _each_once(parts):
        # Two chunks may time the words at their cut differently; their order is known.
        earliest = _last_start(last) if heard.part.offset < heard.part.core_start else 0.0
        kept = [_not_before(segment, earliest) for segment in heard.kept()]
        last = kept[-1] if kept else last
        yield heard.part.offset, kept


class _Heard:
    """What was heard in one part, and which of its words stay: from `first` to before `end`.

    A segment whose words are not known counts as words that are spread over it, until it is clear
    what of it stays.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self._segments = [_moved(segment, part.offset) for segment in part.segments()]
        self._words = [self._words_in(segment) for segment in self._segments]
        self.words = [word for words in self._words for word in words]
        self.is_timed = all(map(words_of, self._segments))
        # Spread words are only guessed: at a cut that nobody speaks over, a segment stays whole.
        sure = [
            span
            for segment, words in zip(self._segments, self._words, strict=True)
            for span in (words_of(segment) or [segment] * len(words))
        ]
        self.first = _first_from(part.core_start, sure)
        self.end = _first_from(part.core_end, sure)

    def _words_in(self, segment: dict[str, Any]) -> list[dict[str, Any]]:
        is_whole = math.isinf(self.part.core_end)
        return words_of(segment) or ([] if is_whole else spread_words(segment))

    def kept(self) -> Iterator[dict[str, Any]]:
        """Yield the segments with the words that stay."""
        seen = 0
        for segment, words in zip(self._segments, self._words, strict=True):
            first, end = self.first - seen, self.end - seen
            seen += len(words)
            if first <= 0 and end >= len(words):
                yield segment
                continue
            kept = cut_segment({**segment, "words": words}, first, end)
            if kept is not None:
                yield kept if words_of(segment) else {**kept, "words": None}


def _first_from(second: float, spans: Segments) -> int:
    """Return the number of the first span whose middle is not before a second."""
    found = (number for number, span in enumerate(spans) if middle(span) >= second)
    return next(found, len(spans))


def _each_once(parts: list[Part]) -> Iterator[_Heard]:
    """Yield what was heard in each part, once it is known what the next one goes on with."""
    before: _Heard | None = None
    for part in parts:
        after = _Heard(part)
        if before is not None:
            _join(before, after)
            yield before
        before = after
    if before is not None:
        # Nothing is lost at the end of the recording, where rounding may move a time.
        before.end = len(before.words)
        yield before


def _join(before: _Heard, after: _Heard) -> None:
    """Let one part go on where the other ends if they overlap, best behind a word of both."""
    cut, begins = after.part.core_start, after.part.offset
    if before.part.core_end != cut:
        return  # the chunk between them is missing, and what is said there with it
    if begins < cut:
        rough = not (before.is_timed and after.is_timed)
        found = join(before.words, after.words, at=cut, begins=begins, rough=rough)
        before.end, after.first = found or _by_time(before.words, after.words, cut)
    else:
        # Nothing of a file that ends at the cut is said behind it, whatever its times say.
        before.end = len(before.words)


def _by_time(before: Segments, after: Segments, cut: float) -> tuple[int, int]:
    """Return how many words of one part stay, and the first of the next one that does."""
    ends = max((word["end"] for word in before), default=-math.inf)
    if all(word["start"] >= ends for word in after):
        # Where only one of them heard anything, the other has nothing to take its place.
        return len(before), 0
    return _first_from(cut, before), _first_from(cut, after)


def middle(span: dict[str, Any]) -> float:
    """Return the middle of a span, in seconds."""
    return (float(span["start"]) + float(span["end"])) / 2


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


def _last_start(segment: dict[str, Any] | None) -> float:
    """Return when a segment's last word begins."""
    if segment is None:
        return 0.0
    return float((words_of(segment) or [segment])[-1]["start"])
