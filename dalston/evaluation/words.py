"""Errors in words: both texts are brought to one spelling, aligned, and the differences counted."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from dalston.evaluation.results import Change, Piece, Unit, WordScore

CHARACTER_LANGUAGES = frozenset({"bo", "ja", "km", "ko", "lo", "my", "th", "yue", "zh"})
"""Languages whose errors are counted in characters: where words aren't parted by spaces, or, as in
Korean, where people part them differently."""

_APOSTROPHE = re.compile(r"(?<=\w)[’‘`´＇](?=\w)|ʼ")  # noqa: RUF001 - all that is written for '
"""Between letters alone: at a word's edge most of them are quotation marks."""

_DOTTED_LANGUAGES = frozenset({"az", "tr"})
"""Languages in which i with and without a dot are two letters, in capitals as well."""
_LOWER_DOTTED = str.maketrans({"İ": "i", "I": "ı"})  # noqa: RUF001 - the one without a dot


class Span(NamedTuple):
    """A stretch of an alignment: positions in the two lists, the ends not included."""

    change: Change
    reference: slice
    heard: slice


def unit_of(language: str | None) -> Unit:
    """Return what errors in a language are counted in."""
    return "character" if language in CHARACTER_LANGUAGES else "word"


def tokens(text: str, language: str | None) -> list[str]:
    """Return a text's words, or characters, in the one spelling that is compared.

    English gets the spelling of the Whisper paper (appendix C): no case, no punctuation, numbers
    as digits, one form of contractions and of British and American words. Other languages lose
    case and punctuation alone. Text in brackets is left out. An apostrophe is one, however it is
    written.

    Args:
        text: Any text.
        language: ISO 639 code; None if it isn't known.
    """
    plain = _APOSTROPHE.sub("'", text)
    if language in _DOTTED_LANGUAGES:
        # Python's rule, which is for all languages, would take one for the other.
        plain = unicodedata.normalize("NFC", plain).translate(_LOWER_DOTTED)
    spelled = str(_normalizer(language)(plain)).split()
    # What is left of an ellipsis is no word.
    return [token for token in spelled if any(letter.isalnum() for letter in token)]


@functools.cache
def _normalizer(language: str | None) -> Callable[[str], Any]:
    if language == "en":
        english: Callable[[str], Any] = EnglishTextNormalizer()
        return english
    # Marks are vowels in Thai or Hindi: without them other words would be compared.
    basic: Callable[[str], Any] = BasicTextNormalizer(
        preserve_marks=True, split_letters=unit_of(language) == "character"
    )
    return basic


def align(reference: list[str], heard: list[str]) -> Iterator[Span]:
    """Align two lists of words with the fewest changes (Levenshtein distance over words)."""
    output = jiwer.process_words([" ".join(reference)], [" ".join(heard)])
    for chunk in output.alignments[0]:
        yield Span(
            cast("Change", chunk.type),
            slice(chunk.ref_start_idx, chunk.ref_end_idx),
            slice(chunk.hyp_start_idx, chunk.hyp_end_idx),
        )


def score_words(reference: str, heard: str, language: str | None) -> WordScore:
    """Compare a transcript's text with the reference's.

    Args:
        reference: What is said.
        heard: The transcript's text.
        language: ISO 639 code of the language that is spoken; None if it isn't known.
    """
    expected, found = tokens(reference, language), tokens(heard, language)
    pieces = [
        Piece(span.change, expected[span.reference], found[span.heard])
        for span in align(expected, found)
    ]
    counts = {
        change: sum(max(len(p.reference), len(p.heard)) for p in pieces if p.change == change)
        for change in ("substitute", "delete", "insert")
    }
    return WordScore(
        unit=unit_of(language),
        reference=len(expected),
        substituted=counts["substitute"],
        missed=counts["delete"],
        added=counts["insert"],
        pieces=pieces,
    )
