"""Finds where another language is spoken than the one that is written.

A Whisper model that is told the wrong language translates, or writes words that sound alike, and is
often sure of itself: its text reads well and says what nobody said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

_SURE = 0.5
"""How probable another language must be, and"""
_UNLIKELY = 0.05
"""how improbable the one that is written."""
_ALIKE = ({"no", "nn"}, {"hr", "sr", "bs"}, {"id", "ms"}, {"hi", "ur"}, {"zh", "yue"})
"""Languages that a model can't be sure to tell apart when they are spoken."""

Segments = list[dict[str, Any]]


class ListeningModel(WhisperModel):  # type: ignore[misc, unused-ignore]
    """Notes what language each stretch of up to 30 seconds is in, whatever it is to write.

    Attributes:
        heard: How probable each language is in the last stretch; empty if the model knows one only.
    """

    heard: Mapping[str, float] = MappingProxyType({})

    def encode(self, features: NDArray[np.float32]) -> Any:  # noqa: ANN401 - untyped
        """Encode a stretch; to tell its language takes a fifteenth of the time of that.

        Args:
            features: The spectra of the stretch.
        """
        encoded = super().encode(features)
        self.heard = {}
        if self.model.is_multilingual:
            (probabilities,) = self.model.detect_language(encoded)
            self.heard = {token.strip("<|>"): probable for token, probable in probabilities}
        return encoded

    def other_language(self, language: str | None) -> str | None:
        """Return what is spoken in the last stretch if that is surely not a language.

        Args:
            language: What is written; None if that isn't known.
        """
        if language is None or not self.heard:
            return None
        alike = next((codes for codes in _ALIKE if language in codes), {language})
        likely = max(self.heard, key=lambda code: self.heard[code])
        unlikely = sum(self.heard.get(code, 0.0) for code in alike) < _UNLIKELY
        return likely if unlikely and self.heard[likely] >= _SURE else None


def without_language(
    segments: Iterable[dict[str, Any]], language: str | None
) -> tuple[Segments, Segments]:
    """Return segments without `other_language`, and warnings that tell of it.

    Args:
        segments: In order, as `wording.Segments` makes them.
        language: What is written.
    """
    plain: Segments = []
    warnings: Segments = []
    for other, run in groupby(segments, key=lambda segment: segment.get("other_language")):
        same = [{**segment} for segment in run]
        if other is not None:
            warnings.append(_warning(str(other), same, language))
        for segment in same:
            segment.pop("other_language", None)
        plain += same
    return plain, warnings


def _warning(other: str, segments: Segments, language: str | None) -> dict[str, Any]:
    return {
        "code": "other_language",
        "message": (
            f"Here '{other}' is spoken, as it seems, and the text is written as '{language}': it "
            f"may be a translation, or words that nobody said. Name the language that is spoken, "
            f"or, if there are several, ask for language_detection=chunk."
        ),
        "start": segments[0]["start"],
        "end": max(segment["end"] for segment in segments),
    }
