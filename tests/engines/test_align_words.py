"""How the engine pocketsphinx reads what is written: numbers, abbreviations, unknown words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jiwer import wer

from dalston.engine_sdk.testing import open_engine
from tests.engines.sounds import ENGINES

Read = Callable[[str], str]
MOST_WRONG_SOUNDS = 0.15
"""Share of wrong sounds in words that the dictionary was not asked about; 0.08 were measured."""


@pytest.fixture(scope="module")
def aligner() -> Iterator[Any]:
    with open_engine(ENGINES / "align" / "pocketsphinx") as engine:
        yield engine.engine


@pytest.fixture(scope="module")
def read(aligner: Any) -> Read:
    """Tells how a text is spoken; `|` stands between what was written apart."""

    def speak(text: str) -> str:
        known = aligner._alignment.pronunciations.known
        return "|".join(map(" ".join, aligner._spoken.spoken_words(text.split(), known)))

    return speak


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("7", "seven"),
        ("21, 100", "twenty one|one hundred"),
        ("1,234", "one thousand two hundred thirty four"),
        ("3.14", "three point one four"),
        ("007 10012345", "zero zero seven|one zero zero one two three four five"),
        ("1900 1905 1999", "nineteen hundred|nineteen oh five|nineteen ninety nine"),
        ("2005 2024", "two thousand five|twenty twenty four"),
        ("1st 22nd 103rd", "first|twenty second|one hundred third"),
        ("the '90s, 1980s", "the|nineties|nineteen eighties"),
        ("10:30 9:05am 8:00", "ten thirty|nine oh five a m|eight"),
        ("$1 $5.50 £2.01", "one dollar|five dollars and fifty cents|two pounds and one penny"),
        ("$5 million more", "five|million dollars|more"),
        ("50% 20° R&D", "fifty percent|twenty degrees|r and d"),
        ("covid-19 A4", "covid nineteen|a four"),
        ("9" * 40, " ".join(["nine"] * 40)),
    ],
)
def test_numbers_are_spelled_out(read: Read, written: str, spoken: str) -> None:
    assert read(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("the UDP, the U.S.A. and e.g. XQ", "the|u d p|the|u s a|and|e g|x q"),
        ("in the US it is IT", "in|the|u s|it|is|i t"),
        ("LOOK AT US", "look|at|us"),
        ("NASA's XBCs", "nasa's|x b c's"),
        ("OpenAI's ChatGPT", "open ai's|chat g p t"),
        ("Prof. Col. vs.", "professor|colonel|versus"),
    ],
)
def test_abbreviations_are_read_by_letters(read: Read, written: str, spoken: str) -> None:
    assert read(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("“Hello,” — (she) said…", "hello||she|said"),
        ("\u2019em \u2018quoted\u2019 o'clock", "'em|quoted|o'clock"),
        ("mother-in-law well—known", "mother in law|well known"),
        ("Naïve café Müller", "naive|cafe|muller"),
        ("♪ Дом 東京", "||"),
        ("a" * 5000, "a" * 30),
    ],
)
def test_only_letters_are_left(read: Read, written: str, spoken: str) -> None:
    assert read(written) == spoken


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("chromecasts", "K R OW M K AE S T S"),
        ("brexit's", "B R EH K S IH T S"),
        ("fintech", "F IH N T EH K"),
        ("teacher's", "T IY CH ER Z"),
        ("q", "K Y UW"),
    ],
)
def test_an_unknown_word_sounds_as_it_is_written(aligner: Any, word: str, sounds: str) -> None:
    decoder = next(aligner._alignment._ladder())
    aligner._alignment.pronunciations.add_missing([word], decoder)
    assert decoder.lookup_word(word) == sounds


def test_a_word_that_was_added_still_counts_as_unknown(aligner: Any) -> None:
    pronunciations = aligner._alignment.pronunciations
    pronunciations.add_missing(["zzyzxian"], next(aligner._alignment._ladder()))
    assert not pronunciations.known("zzyzxian")
    assert pronunciations.known("mysterious")


def test_most_sounds_of_unknown_words_are_right(aligner: Any) -> None:
    """Every 1,200th word of the dictionary, found from its other words."""
    sounds = dictionary(aligner)
    hidden = sorted(sounds)[::1200]
    others = {word: sounds[word] for word in sounds.keys() - set(hidden)}
    letter_sounds = type(aligner._alignment.pronunciations._letter_sounds)(others)
    wrong = wer([sounds[word] for word in hidden], [letter_sounds.pronounce(w) for w in hidden])
    assert len(hidden) > 90
    assert wrong <= MOST_WRONG_SOUNDS, f"{wrong:.3f}"


def dictionary(aligner: Any) -> dict[str, str]:
    """The recogniser's words of letters only, and their sounds."""
    pronunciations = aligner._alignment.pronunciations
    pronunciations.add_missing(["qwertyish"], next(aligner._alignment._ladder()))
    with Path(pronunciations._path).open(encoding="utf-8") as file:
        pairs = [line.strip().partition(" ") for line in file]
    return {word: sounds for word, _, sounds in pairs if word.isalpha() and word.isascii()}
