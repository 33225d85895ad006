"""Finds speech of which nothing was written, so that it can be heard again by itself.

A Whisper model now and then leaves a sentence out that stands at the end of what it hears at once,
and goes on behind it as if nobody had spoken. What it doesn't hear the second time either is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from recording import SAMPLE_RATE, Spans

_LEAST_SECONDS = 2.0
"""Of speech between two segments: less is what their times are wrong by."""
_FOREVER = 2**62


def unheard(spans: Spans, segments: Sequence[dict[str, Any]], offset: float) -> Iterator[Spans]:
    """Yield each stretch in which somebody speaks and no segment lies.

    Nothing, if there are no segments: what has no words will have none the second time.

    Args:
        spans: Where somebody speaks, in samples.
        segments: What was heard, in order, in seconds of the recording.
        offset: The second of the recording at which the samples begin.
    """
    yield from _enough(
        [
            {"start": max(span["start"], begin), "end": min(span["end"], end)}
            for span in spans
            if span["end"] > begin and span["start"] < end
        ]
        for begin, end in _between(segments, offset)
    )


def never_heard(
    spans: Spans, segments: Sequence[dict[str, Any]], offset: float
) -> Iterator[dict[str, Any]]:
    """Yield a warning for each stretch of speech of which nothing is written in the end.

    Args:
        spans: Where somebody speaks, in samples.
        segments: All that was heard there, in order, in seconds of the recording.
        offset: The second of the recording at which the samples begin.
    """
    for missed in _enough([spans]) if not segments else unheard(spans, segments, offset):
        yield {
            "code": "speech_without_text",
            "message": (
                "Somebody seems to speak here, and the model wrote nothing of it. Listen to it; "
                "naming the language, or a larger model, may help."
            ),
            "start": round(offset + missed[0]["start"] / SAMPLE_RATE, 3),
            "end": round(offset + missed[-1]["end"] / SAMPLE_RATE, 3),
        }


def _enough(stretches: Iterable[Spans]) -> Iterator[Spans]:
    for spans in stretches:
        if sum(span["end"] - span["start"] for span in spans) >= _LEAST_SECONDS * SAMPLE_RATE:
            yield spans


def _between(segments: Sequence[dict[str, Any]], offset: float) -> Iterator[tuple[int, int]]:
    position = 0
    for segment in segments:
        begin, end = (round((segment[at] - offset) * SAMPLE_RATE) for at in ("start", "end"))
        if begin > position:
            yield position, begin
        position = max(position, end)
    if segments:
        yield position, _FOREVER
