"""Puts what was heard back around the long pauses, which the model doesn't hear.

To the model what is said before a pause, and half a minute later behind it, is often one sentence.
It would stand in one segment all that time, and the word behind the pause may be timed before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from typing import Any

from faster_whisper.transcribe import Segment as Piece
from faster_whisper.transcribe import Word, restore_speech_timestamps

from recording import SAMPLE_RATE, Spans

Segment = dict[str, Any]

_LEAST_REACH = 0.1
"""Seconds by which a word reaches over a pause if it is said behind it. Its start is the end of the
word before, so all that is silent before a word counts as the word. Of 14 such words all were said
behind the pause, and reached over it by 0.17 and more; the middle of six of them lay before it."""


def restored(pieces: Iterable[Piece], spans: Spans) -> Iterator[Piece]:
    """Yield what was heard with its times in the samples that the spans were taken from.

    Args:
        pieces: As faster-whisper heard them in the spans, one span behind the other.
        spans: Where somebody speaks, in samples.
    """
    ends = list(accumulate((span["end"] - span["start"]) / SAMPLE_RATE for span in spans))
    for piece in pieces:
        if not piece.words:
            yield from restore_speech_timestamps([piece], spans, SAMPLE_RATE)
            continue
        words = [_restored(word, spans, ends) for word in piece.words]
        yield replace(piece, start=words[0].start, end=words[-1].end, words=words)


def _restored(word: Word, spans: Spans, ends: list[float]) -> Word:
    number = bisect_right(ends, max(word.start, word.end - _LEAST_REACH))
    number = min(number, len(ends) - 1)
    left_out = spans[number]["end"] / SAMPLE_RATE - ends[number]
    first = spans[number]["start"] / SAMPLE_RATE
    # What follows the last span is the silence that was put behind it.
    last = ends[number] if number < len(ends) - 1 else word.end
    start, end = max(word.start + left_out, first), min(word.end, last) + left_out
    return replace(word, start=round(start, 2), end=round(max(start, end), 2))


def pauses_between(spans: Spans, offset: float) -> list[float]:
    """Return the middle of each pause, in seconds of the recording.

    Args:
        spans: Where somebody speaks, in samples.
        offset: The second of the recording at which the samples begin.
    """
    return [
        offset + (before["end"] + after["start"]) / 2 / SAMPLE_RATE
        for before, after in pairwise(spans)
    ]


def parted(segments: Iterable[Segment], pauses: list[float]) -> Iterator[Segment]:
    """Yield segments, none of which reaches over a pause; one without words stays whole.

    Args:
        segments: As `wording.Segments` makes them.
        pauses: In order, as `pauses_between` returns them.
    """
    for segment in segments:
        yield from _parts(segment, pauses)


def _parts(segment: Segment, pauses: list[float]) -> Iterator[Segment]:
    def pauses_before(word: dict[str, Any]) -> int:
        return bisect_right(pauses, (word["start"] + word["end"]) / 2)

    runs = [list(run) for _, run in groupby(segment.get("words") or (), key=pauses_before)]
    texts = _texts(segment["text"], runs)
    if len(runs) <= 1 or texts is None:
        yield segment
        return
    for words, text in zip(runs, texts, strict=True):
        times = {"start": words[0]["start"], "end": words[-1]["end"]}
        yield {**segment, **times, "text": text, "words": words}


def _texts(text: str, runs: list[list[dict[str, Any]]]) -> list[str] | None:
    """Return what of a text belongs to each run of its words, with the spaces that it has.

    Nothing of it is left out: what no word stands for belongs to the run before. None if a word
    isn't in the text as it was heard, such as one of broken characters.
    """
    begins: list[int] = []
    position = 0
    for words in runs:
        for number, word in enumerate(words):
            found = text.find(word["text"], position)
            if found < 0:
                return None
            if not number:
                begins.append(found if begins else 0)
            position = found + len(word["text"])
    return [text[begin:end].strip() for begin, end in pairwise([*begins, len(text)])]
