"""Finds when each word of a known text is said, with CMU's recogniser PocketSphinx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pocketsphinx import Decoder, get_model_path

from pronunciations import Pronunciations

_FRAMES_PER_SECOND = 100
_BEAMS: tuple[dict[str, float], ...] = (
    {},
    {"beam": 1e-150, "wbeam": 1e-100, "pbeam": 1e-150},
)
"""How unlikely a path may be and still be followed: the recogniser's own, then far wider, which
finds words in hasty and slurred speech and takes several times as long."""
_NOT_SPOKEN = ("<", "[", "+")
"""How names of silence and noises begin."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds from the start of the samples."""

    start: float
    end: float


class ForcedAlignment:
    """A recogniser for American English that is told the words and finds their times."""

    def __init__(self) -> None:
        self._decoders = [_decoder(_BEAMS[0])]
        dictionary = Path(get_model_path("en-us/cmudict-en-us.dict"))
        self.pronunciations = Pronunciations(self._decoders[0], dictionary)

    def align(self, words: Sequence[str], samples: bytes) -> list[Span] | None:
        """Find out when words are said.

        Args:
            words: As they are spoken, in letters from a to z and apostrophes; one at least.
            samples: Signed 16-bit, 16 kHz, mono.

        Returns:
            As many spans, one after the other; None if the words don't fit the sound.
        """
        for decoder in self._ladder():
            self.pronunciations.add_missing(words, decoder)
            found = _align(decoder, words, samples)
            if found is not None:
                return found
        return None

    def _ladder(self) -> Iterator[Any]:
        for number, beams in enumerate(_BEAMS):
            if number == len(self._decoders):
                self._decoders.append(_decoder(beams))
            yield self._decoders[number]


def _decoder(beams: dict[str, float]) -> Any:  # noqa: ANN401 - a library without types
    # The search for a better path at the end (bestpath) leaves out last words, and wider beams then
    # fail more often than narrow ones.
    return Decoder(lm=None, loglevel="FATAL", bestpath=False, **beams)


def _align(decoder: Any, words: Sequence[str], samples: bytes) -> list[Span] | None:  # noqa: ANN401
    if not samples:
        return None
    try:
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
    except RuntimeError:
        return None
    segments = [one for one in decoder.seg() or () if not one.word.startswith(_NOT_SPOKEN)]
    # A pronunciation that isn't the first has its number behind it: "the(2)".
    if [re.sub(r"\(\d+\)$", "", one.word) for one in segments] != list(words):
        return None
    return [
        Span(one.start_frame / _FRAMES_PER_SECOND, (one.end_frame + 1) / _FRAMES_PER_SECOND)
        for one in segments
    ]
