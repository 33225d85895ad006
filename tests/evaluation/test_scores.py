"""Errors in words, speakers, times and confidences, on pairs whose errors are plain to see."""

from __future__ import annotations

from typing import Any

import pytest

from dalston.evaluation.confidence import add_bands, score_confidences
from dalston.evaluation.results import TimeScore
from dalston.evaluation.speakers import score_speakers, turns_of
from dalston.evaluation.word_times import TimedWord, score_times, summarize, times_of
from dalston.evaluation.words import score_words, tokens


def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"text": text, "start": start, "end": end, **more}


def transcript(*words: dict[str, Any], **segment: Any) -> dict[str, Any]:
    return {"segments": [{"start": 0.0, "end": 9.0, "words": list(words), **segment}]}


@pytest.mark.parametrize(
    ("language", "reference", "heard", "counts", "rate"),
    [
        (
            "en",
            "Mr. Smith can't pay twenty-one dollars.",
            "mister smith can not pay $21",
            (0,) * 3,
            0,
        ),
        ("en", "the colour of the sea", "The color of sea!", (0, 1, 0), 0.2),
        ("en", "cat", "dogs and birds", (1, 0, 2), 3.0),
        ("en", "", "", (0, 0, 0), None),
        ("en", "", "thank you", (0, 0, 2), None),
        ("en", "[music] ...", "", (0, 0, 0), None),
        ("en", "say it", "", (0, 2, 0), 1.0),
        ("de", "Schöne Grüße!", "schone grüße", (1, 0, 0), 0.5),
        ("de", "Er sagte ja.", "er sagte", (0, 1, 0), 1 / 3),
        (None, "Hello there", "hello, there", (0, 0, 0), 0),
        ("ja", "客観的実在の。", "客観 的自在の", (1, 0, 0), 1 / 6),
        ("zh", "广州市", "广州市。", (0, 0, 0), 0),
        ("ko", "길 옆으로", "길옆으로", (0, 0, 0), 0),
        ("th", "น้ำ", "นำ", (1, 0, 0), None),
        ("hi", "कि", "की", (1, 0, 0), 1.0),
    ],
)
def test_errors_in_words(
    language: str | None, reference: str, heard: str, counts: tuple[int, ...], rate: float | None
) -> None:
    score = score_words(reference, heard, language)
    assert (score.substituted, score.missed, score.added) == counts
    if language != "th":
        assert score.rate == (None if rate is None else pytest.approx(rate))
    assert [t for piece in score.pieces for t in piece.reference] == tokens(reference, language)
    assert [t for piece in score.pieces for t in piece.heard] == tokens(heard, language)


@pytest.mark.parametrize("apostrophe", "’‘`´＇ʼ")  # noqa: RUF001 - what is written for it
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "We can't say it's theirs, and they'll go where she'd been."),
        ("fr", "L'été, c'est aujourd'hui."),
        ("uk", "п'ять"),
    ],
)
def test_an_apostrophe_is_one_however_it_is_written(
    language: str, text: str, apostrophe: str
) -> None:
    assert tokens(text.replace("'", apostrophe), language) == tokens(text, language)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("he said ‘hello’", "he said hello"),  # noqa: RUF001 - quotation marks
        ("the ‘s’ of ‘so’", "the s of so"),  # noqa: RUF001 - quotation marks
        ("‘It’s the boys’ turn’", "it is the boys turn"),  # noqa: RUF001 - and an apostrophe
    ],
)
def test_quotation_marks_that_look_like_apostrophes_are_none(text: str, words: str) -> None:
    assert tokens(text, "en") == words.split()


@pytest.mark.parametrize("language", ["tr", "az"])
def test_i_with_and_without_a_dot_are_two_letters_where_they_are(language: str) -> None:
    lower = " ".join(tokens("İSİM, IŞIK I\u0307N", language))
    assert lower == "isim ışık in"  # noqa: RUF001 - the one without a dot
    assert score_words("ILIK", "ilik", language).substituted == 1


@pytest.mark.parametrize(
    ("language", "unit", "count"),
    [("en", "word", 2), ("ja", "character", 9), ("ko", "character", 9)],
)
def test_errors_are_counted_in_what_fits_the_language(language: str, unit: str, count: int) -> None:
    score = score_words("good night", "", language)
    assert (score.unit, score.reference, score.missed) == (unit, count, count)


def test_the_alignment_shows_what_became_of_each_word() -> None:
    score = score_words("a cat sat down right there", "a dog sat right there now", "en")
    assert [(piece.change, piece.reference, piece.heard) for piece in score.pieces] == [
        ("equal", ["a"], ["a"]),
        ("substitute", ["cat"], ["dog"]),
        ("equal", ["sat"], ["sat"]),
        ("delete", ["down"], []),
        ("equal", ["right", "there"], ["right", "there"]),
        ("insert", [], ["now"]),
    ]


def test_speakers_that_are_right_whatever_they_are_called() -> None:
    said = [("anna", 0.0, 4.0), ("ben", 5.0, 9.0)]
    score = score_speakers(said, [("speaker_2", 0.1, 4.1), ("speaker_1", 5.0, 8.8)])
    assert score.rate == 0.0
    assert score.scored == pytest.approx(7.0)
    assert (score.expected, score.found) == (2, 2)


@pytest.mark.parametrize(
    ("found", "missed", "false_alarm", "confused", "speakers"),
    [
        ([("x", 0, 10), ("y", 10, 20)], 0.0, 0.0, 0.0, 2),
        ([("x", 0, 20)], 0.0, 0.0, 9.5, 1),
        ([("x", 0, 10), ("y", 10, 15)], 4.75, 0.0, 0.0, 2),
        ([("x", 0, 10), ("y", 10, 20), ("z", 3, 5)], 0.0, 2.0, 0.0, 3),
        ([("x", 0, 10), ("y", 10, 15), ("z", 15, 20)], 0.0, 0.0, 4.75, 3),
    ],
)
def test_errors_in_speakers(
    found: list[tuple[str, float, float]],
    missed: float,
    false_alarm: float,
    confused: float,
    speakers: int,
) -> None:
    score = score_speakers([("anna", 0.0, 10.0), ("ben", 10.0, 20.0)], found)
    assert score.scored == pytest.approx(19.0)
    assert score.missed == pytest.approx(missed)
    assert score.false_alarm == pytest.approx(false_alarm)
    assert score.confused == pytest.approx(confused)
    assert score.rate == pytest.approx((missed + false_alarm + confused) / 19.0)
    assert (score.expected, score.found) == (2, speakers)


def test_a_transcripts_turns_are_its_words_joined_over_short_pauses() -> None:
    words = [
        word("a", 0.0, 0.5, speaker="one"),
        word("b", 0.9, 1.2),
        word("c", 1.0, 1.5, speaker="two"),
        word("d", 1.5, 2.0, speaker="one"),
        word("e", 3.0, 3.5, speaker="one"),
    ]
    assert turns_of(transcript(*words, speaker="one")) == [
        ("one", 0.0, 2.0),
        ("two", 1.0, 1.5),
        ("one", 3.0, 3.5),
    ]
    assert turns_of({"segments": [{"start": 1, "end": 2, "text": "a", "speaker": "x"}]}) == [
        ("x", 1.0, 2.0)
    ]
    backwards = turns_of(transcript(word("a", 2, 1, speaker="x")))
    assert backwards == [("x", 2.0, 2.0)]
    assert score_speakers([("anna", 0.0, 4.0)], backwards).rate == 1.0
    assert turns_of(transcript(word("a", 0, 1))) == []
    assert turns_of({}) == []


def test_starts_are_compared_of_the_words_that_both_texts_have() -> None:
    reference = [TimedWord(*pair) for pair in [("Mr.", 1.0), ("Cat's", 2.0), ("sat", 3.0)]]
    found = times_of(
        transcript(
            word("The", 0, 1), word("mister", 1.1, 2), word("cat's", 1.95, 2), word("ate", 3, 4)
        )
    )
    score = score_times(reference, found, "en")
    assert score.reference == 3
    assert score.errors == [pytest.approx(0.1), pytest.approx(0.05)]


def test_a_summary_of_start_errors() -> None:
    summary = summarize([TimeScore(10, [0.01, 0.02]), TimeScore(5, [0.03, 0.04, 0.1])])
    assert summary is not None
    assert (summary.matched, summary.reference) == (5, 15)
    assert (summary.median, summary.mean, summary.ninety_percent) == (30.0, 40.0, 76.0)
    assert summarize([TimeScore(3, [])]) is None


def test_confidences_are_right_where_their_words_are() -> None:
    heard = transcript(
        word("the", 0, 1, confidence=1.0),
        word("cat", 1, 2, confidence=0.95),
        word("can't", 2, 3, confidence=0.2),
        word("fly", 3, 4, confidence=0.6),
        word("!", 4, 5, confidence=0.1),
        word("high", 4, 5),
    )
    bands = score_confidences("The dog can't fly high.", heard, "en")
    assert [(b.low, b.high, b.words, b.right) for b in bands if b.words] == [
        (0.0, 0.3, 1, 1),
        (0.5, 0.7, 1, 1),
        (0.9, 0.97, 1, 0),
        (0.97, 1.0, 1, 1),
    ]
    twice = add_bands([bands, [], bands])
    assert [b.words for b in twice] == [2 * b.words for b in bands]
    assert score_confidences("a", transcript(word("a", 0, 1)), "en") == []
    assert add_bands([]) == []


@pytest.mark.parametrize(
    ("reference", "heard", "wrong"),
    [
        ("twenty one people", "twenty one people", 0),
        ("Since nineteen ninety five.", "since nineteen ninety five", 0),
        ("one hundred and twenty dollars", "one hundred and twenty dollars", 0),
        ("one hundred and twenty dollars", "$120", 0),
        ("nineteen ninety five", "nineteen ninety six", 1),
        ("Mr. Smith can't swim", "mister Smyth can't swim", 1),
    ],
)
def test_numbers_in_words_are_right_with_any_confidence(
    reference: str, heard: str, wrong: int
) -> None:
    words = [word(text, n, n + 1, confidence=0.99) for n, text in enumerate(heard.split())]
    bands = score_confidences(reference, transcript(*words), "en")
    assert sum(band.words - band.right for band in bands) == wrong
