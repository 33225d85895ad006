"""Errors in the words' times: how far their starts are from those of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from dalston.evaluation.results import TimeScore, TimeSummary
from dalston.evaluation.words import align, tokens

_SECONDS = Annotated[float, msgspec.Meta(ge=0)]


class TimedWord(msgspec.Struct, frozen=True):
    """A word of the reference and when it begins, in seconds."""

    word: str
    start: _SECONDS


def read_word_times(path: Path) -> list[TimedWord]:
    """Read words with their times: a JSON list of objects with `word` and `start`.

    Raises:
        ValueError: It isn't that; says where.
        OSError: It can't be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[TimedWord])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def times_of(transcript: Mapping[str, Any]) -> list[TimedWord]:
    """Return a transcript's words with their times; none if it has none."""
    return [
        TimedWord(str(word["text"]), float(word["start"]))
        for segment in transcript.get("segments", [])
        for word in segment.get("words") or []
    ]


def score_times(
    expected: Sequence[TimedWord], found: Sequence[TimedWord], language: str | None
) -> TimeScore:
    """Compare the starts of the words that both texts have, wherever they stand in them.

    Args:
        expected: The reference's words.
        found: The transcript's words.
        language: ISO 639 code; None if it isn't known.
    """
    reference, reference_starts = _timed_tokens(expected, language)
    heard, heard_starts = _timed_tokens(found, language)
    errors = []
    for span in align(reference, heard):
        if span.change != "equal":
            continue
        pairs = zip(reference_starts[span.reference], heard_starts[span.heard], strict=True)
        errors += [
            abs(one - other) for one, other in pairs if one is not None and other is not None
        ]
    known = sum(start is not None for start in reference_starts)
    return TimeScore(known, [round(error, 4) for error in errors])


def summarize(scores: Sequence[TimeScore]) -> TimeSummary | None:
    """Return what the errors of all matched words are like; None if no word was matched."""
    errors = [error for score in scores for error in score.errors]
    if not errors:
        return None
    milliseconds = np.array(errors) * 1000
    median, ninety = np.percentile(milliseconds, [50, 90])
    return TimeSummary(
        matched=len(errors),
        reference=sum(score.reference for score in scores),
        median=round(float(median), 1),
        mean=round(float(milliseconds.mean()), 1),
        ninety_percent=round(float(ninety), 1),
    )


def _timed_tokens(
    words: Sequence[TimedWord], language: str | None
) -> tuple[list[str], list[float | None]]:
    """Return what is compared of each word; of several pieces only the first has a time."""
    pieces: list[str] = []
    starts: list[float | None] = []
    for word in words:
        spelled = tokens(word.word, language)
        pieces += spelled
        starts += [word.start if not number else None for number in range(len(spelled))]
    return pieces, starts
