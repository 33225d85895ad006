"""A transcript's parts, as several vendors need them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby

from dalston.common.transcript import Segment, Transcript, Word
from dalston.common.wording import joined

_CHANNEL = "channel_"
"""Begins the name of a speaker that is a channel; counted from 1."""

_PAUSE_SECONDS = 2.0
_LONGEST_PARAGRAPH = 5
"""Segments."""


def speaker_numbers(transcript: Transcript) -> dict[str, int]:
    """Return a number from 0 for each speaker, in the order in which they first speak."""
    numbers: dict[str, int] = {}
    for segment in transcript.segments:
        for name in (segment.speaker, *(word.speaker for word in segment.words or ())):
            if name is not None:
                numbers.setdefault(name, len(numbers))
    return numbers


def words_of(segments: Iterable[Segment]) -> Iterator[tuple[Word, str | None]]:
    """Yield each word that has times, with who says it."""
    for segment in segments:
        for word in segment.words or ():
            yield word, word.speaker or segment.speaker


def by_channel(transcript: Transcript) -> list[list[Segment]]:
    """Return the segments of each channel of a recording whose channels are speakers.

    Where they could not be kept apart, all are of one: the others would seem to be silent.
    """
    spoken = transcript.segments
    if spoken and not any((one.speaker or "").startswith(_CHANNEL) for one in spoken):
        return [spoken]
    found: dict[int, list[Segment]] = {}
    for segment in transcript.segments:
        found.setdefault(_channel_of(segment), []).append(segment)
    audio = transcript.metadata.get("audio")
    told = audio.get("channels") if isinstance(audio, dict) else None
    count = max([told if isinstance(told, int) else 1, *(number + 1 for number in found)])
    return [found.get(number, []) for number in range(count)]


def _channel_of(segment: Segment) -> int:
    number = (segment.speaker or "").removeprefix(_CHANNEL)
    return int(number) - 1 if number.isdecimal() and int(number) else 0


def turns_of(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Return segments that follow each other and are one speaker's, together."""
    return [list(turn) for _, turn in groupby(segments, key=lambda segment: segment.speaker)]


def paragraphs_of(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Return segments in stretches that a reader takes in at once.

    A stretch is one speaker's; it ends at a long pause, and when it is long itself.
    """
    found: list[list[Segment]] = []
    for segment in segments:
        last = found[-1] if found else []
        if (
            last
            and last[-1].speaker == segment.speaker
            and segment.start - last[-1].end < _PAUSE_SECONDS
            and len(last) < _LONGEST_PARAGRAPH
        ):
            last.append(segment)
        else:
            found.append([segment])
    return found


def text_of(segments: Iterable[Segment]) -> str:
    """Return the text of segments in a row."""
    return joined(segment.text.strip() for segment in segments)


def confidence_of(segments: Iterable[Segment]) -> float | None:
    """Return the mean confidence of words, or else of segments; None if nobody tells."""
    known = list(segments)
    words = [word.confidence for word, _ in words_of(known) if word.confidence is not None]
    told = words or [one.confidence for one in known if one.confidence is not None]
    return round(math.fsum(told) / len(told), 4) if told else None
