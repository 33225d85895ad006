"""Gives a transcriber's words the times that the aligner finds, segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forced_alignment import ForcedAlignment, Span
from recording import Recording
from spoken import spoken_words

_MARGIN_SECONDS = 0.2
"""How far from a segment's times its words are looked for: transcribers cut too close."""
_LONGEST_SEGMENT_SECONDS = 120
"""Time and memory grow faster than a segment's length, and the longer, the less often it works."""
_QUOTED_LETTERS = 60

Segment = dict[str, Any]
Progress = Callable[[float, float], None]


class Realignment:
    """The work on one recording.

    Args:
        alignment: The aligner.
        recording: The recording.

    Attributes:
        warnings: What the user should know; filled by `realign`.
    """

    def __init__(self, alignment: ForcedAlignment, recording: Recording) -> None:
        self.warnings: list[dict[str, Any]] = []
        self._alignment = alignment
        self._recording = recording

    def realign(self, segments: Sequence[Segment], progress: Progress) -> list[Segment]:
        """Return the same segments with better times of words.

        Args:
            segments: Of a transcriber, in order of time.
            progress: Is told segments done and segments in all.
        """
        result: list[Segment] = []
        free_from = 0.0
        for number, segment in enumerate(segments):
            following = segments[number + 1 : number + 2]
            latest = following[0]["start"] if following else self._recording.duration
            placed = self._place(segment, free_from, latest)
            if result and segments[number - 1]["end"] <= segment["start"]:
                # Apart they were, apart they stay: the pause between them was elsewhere.
                end = min(result[-1]["end"], max(placed["start"], free_from))
                result[-1] = {**result[-1], "end": end}
            result.append(placed)
            words = placed.get("words") or [placed]
            free_from = max(free_from, words[-1]["end"])
            progress(number + 1, len(segments))
        return result

    def _place(self, segment: Segment, free_from: float, latest: float) -> Segment:
        """Give one segment's words their times.

        Args:
            segment: The segment.
            free_from: Where the words before it end, in seconds.
            latest: Where the segment behind it starts.
        """
        words = segment.get("words") or [{"text": text} for text in segment["text"].split()]
        spoken = spoken_words(
            [word["text"] for word in words], self._alignment.pronunciations.known
        )
        if not any(spoken):
            return segment
        spans = self._align(segment, [one for many in spoken for one in many], free_from, latest)
        if spans is None:
            self.warnings.append(_not_aligned(segment))
            return segment
        last = min(max(segment["end"], latest), self._recording.duration)
        timed = [
            {**word, "start": span.start, "end": span.end}
            for word, span in zip(words, _of_words(spoken, spans, last), strict=True)
        ]
        # Who reads segments alone, as in subtitles or tables, is to have these times as well. None
        # may begin behind the next one, which may overlap it.
        start = min(timed[0]["start"], max(segment["start"], latest))
        return {**segment, "start": start, "end": timed[-1]["end"], "words": timed}

    def _align(
        self, segment: Segment, words: Sequence[str], free_from: float, latest: float
    ) -> list[Span] | None:
        """Return when words are said, in seconds of the recording; None if they don't fit."""
        if segment["end"] - segment["start"] > _LONGEST_SEGMENT_SECONDS:
            return None
        # A neighbour's words must not be heard; one that overlaps can't be avoided.
        earliest = min(free_from, segment["start"])
        start = max(segment["start"] - _MARGIN_SECONDS, earliest, 0.0)
        end = max(segment["end"], min(segment["end"] + _MARGIN_SECONDS, latest))
        found = self._alignment.align(words, self._recording.samples(start, end))
        if found is None:
            return None
        return [Span(start + span.start, start + span.end) for span in found]


def _of_words(spoken: Sequence[Sequence[str]], spans: Sequence[Span], last: float) -> list[Span]:
    """Return each written word's span; one of which nothing is spoken takes no time.

    Args:
        spoken: What is spoken of each word.
        spans: When that is.
        last: No time is later than that, in seconds.
    """
    found: list[Span] = []
    done = 0
    for parts in spoken:
        if parts:
            first, final = spans[done].start, spans[done + len(parts) - 1].end
            done += len(parts)
        else:
            first = final = spans[done - 1].end if done else spans[0].start
        found.append(Span(round(min(first, last), 3), round(min(final, last), 3)))
    return found


def _not_aligned(segment: Segment) -> dict[str, Any]:
    text = segment["text"].strip()
    if segment["end"] - segment["start"] > _LONGEST_SEGMENT_SECONDS:
        reason = f"are a segment of more than {_LONGEST_SEGMENT_SECONDS} s"
        advice = "Use a transcriber that makes shorter ones."
    else:
        reason = "don't fit what is heard there"
        advice = "Listen to that place: the text may be wrong."
    quoted = text if len(text) <= _QUOTED_LETTERS else f"{text[:_QUOTED_LETTERS].rstrip()} …"
    # No times in the message: what merges chunks moves `start` and `end`, and reads no texts.
    return {
        "code": "words_not_aligned",
        "message": (
            f'The words "{quoted}" {reason}, so their times are the transcriber\'s. {advice}'
        ),
        "start": segment["start"],
        "end": segment["end"],
    }
