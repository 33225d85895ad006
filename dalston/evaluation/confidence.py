"""What the words' confidences are worth: how many words are right among those of a confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dalston.evaluation.results import ConfidenceBand
from dalston.evaluation.words import align, tokens

_EDGES = (0.0, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0)


def score_confidences(
    reference: str, transcript: Mapping[str, Any], language: str | None
) -> list[ConfidenceBand]:
    """Return for each band of confidence how many words it has, and how many of those are right.

    A word is right if the alignment with the reference keeps all of it: with the reference in one
    spelling as a whole, or word by word as the transcript is, where numbers aren't joined.

    Args:
        reference: What is said.
        transcript: Its words may have confidences.
        language: ISO 639 code; None if it isn't known.
    """
    heard: list[str] = []
    owners: list[int] = []
    confidences: list[float | None] = []
    for word in _words(transcript):
        spelled = tokens(str(word["text"]), language)
        heard += spelled
        owners += [len(confidences)] * len(spelled)
        confidences.append(word.get("confidence") if spelled else None)
    apart = [piece for word in reference.split() for piece in tokens(word, language)]
    wrong = _changed(tokens(reference, language), heard, owners) & _changed(apart, heard, owners)
    known = [(c, n not in wrong) for n, c in enumerate(confidences) if c is not None]
    return [_band(low, high, known) for low, high in pairwise(_EDGES)] if known else []


def _changed(reference: list[str], heard: list[str], owners: list[int]) -> set[int]:
    """Return the owners of words that an alignment doesn't keep."""
    changed = (span for span in align(reference, heard) if span.change != "equal")
    return {owner for span in changed for owner in owners[span.heard]}


def add_bands(scores: Iterable[Sequence[ConfidenceBand]]) -> list[ConfidenceBand]:
    """Return the sum of several clips' bands."""
    return [
        ConfidenceBand(
            bands[0].low, bands[0].high, sum(b.words for b in bands), sum(b.right for b in bands)
        )
        for bands in zip(*(score for score in scores if score), strict=True)
    ]


def _words(transcript: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for segment in transcript.get("segments", []):
        yield from segment.get("words") or []


def _band(low: float, high: float, known: Sequence[tuple[float, bool]]) -> ConfidenceBand:
    right = [r for c, r in known if low <= c and (c < high or high == _EDGES[-1])]
    return ConfidenceBand(low, high, len(right), sum(right))
