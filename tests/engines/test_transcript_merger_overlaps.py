"""Where nobody pauses two chunks overlap: each word that was spoken is in the transcript once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.test_transcript_merger_chunks import chunk, merge, merger, said, words

__all__ = ["merger"]

OVERLAP = 2.0
"""Seconds that a chunk's file reaches beyond a cut in speech."""

Spoken = list[tuple[str, float, float]]


def heard(spoken: Spoken, begins: float, ends: float, sentences: list[int]) -> list[dict[str, Any]]:
    """What a recogniser that errs in nothing makes of a chunk, in segments of so many words."""
    inside = [word for word in spoken if word[1] >= begins and word[2] <= ends]
    segments: list[dict[str, Any]] = []
    place = 0
    while inside:
        count = sentences[place % len(sentences)]
        now, inside, place = inside[:count], inside[count:], place + 1
        timed = [{"text": t, "start": a - begins, "end": b - begins} for t, a, b in now]
        text = " ".join(t for t, _, _ in now)
        span = {"start": now[0][1] - begins, "end": now[-1][2] - begins}
        segments.append({**span, "text": text, "words": timed})
    return segments


def test_a_sentence_behind_the_join_comes_once(merger: EngineUnderTest) -> None:
    """The first chunk goes on for a sentence behind the word that both have at the cut."""
    first = said("we met him", 42.6)
    first["words"].append({"text": "there.", "start": 44.1, "end": 44.4})
    first |= {"text": "we met him there.", "end": 44.4}
    late = said("Then he left town", 44.5, pace=0.35)
    again = [
        {
            **segment,
            "start": segment["start"] - 42,
            "end": segment["end"] - 42,
            "words": [
                {**word, "start": word["start"] - 42, "end": word["end"] - 42}
                for word in segment["words"]
            ],
        }
        for segment in (first, late)
    ]
    data = merge(
        merger,
        chunk(0.0, (0.0, 44.0), first, late),
        chunk(42.0, (44.0, 90.0), *again, said("forever.", 4.0)),
        prepare={"duration": 90.0},
    )
    assert data["text"] == "we met him there. Then he left town forever."
    assert words(data) == data["text"]


def test_a_word_that_is_said_again_and_again_comes_as_often(merger: EngineUnderTest) -> None:
    before, after = said("Oh no no no no no", 6.0), said("no no no no no no!", 0.5)
    data = merge(merger, chunk(0.0, (0.0, 8.0), before), chunk(7.0, (8.0, 20.0), after))
    assert data["text"] == "Oh no no no no no no no no!"


def untimed(text: str, start: float, end: float) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text}


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        (
            untimed("alpha beta gamma delta epsilon zeta eta theta", 38.0, 46.0),
            untimed("epsilon zeta eta theta iota kappa lambda", 0.0, 7.0),
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda",
        ),
        (
            untimed("gamma delta epsilon", 42.6, 46.0),
            untimed("gamma delta", 0.6, 3.2),
            "gamma delta",
        ),
        (
            untimed("今日は天気がいいですね", 40.0, 46.0),
            untimed("がいいですね、散歩に行きましょう。", 0.6, 9.0),
            "今日は天気がいいですね、散歩に行きましょう。",
        ),
    ],
    ids=["doubled", "lost", "without spaces"],
)
def test_words_without_times_come_once(
    merger: EngineUnderTest, before: dict[str, Any], after: dict[str, Any], whole: str
) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 44.0), before),
        chunk(42.0, (44.0, 90.0), after),
        prepare={"duration": 90.0},
    )
    assert data["text"].startswith(whole)
    assert all("words" not in segment for segment in data["segments"])
    starts = [segment["start"] for segment in data["segments"]]
    assert starts == sorted(starts)


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)
"""Of sentences, in words."""


@st.composite
def speech(draw: st.DrawFn, *, again: bool = True) -> Spoken:
    """Words without a pause that lets anybody cut, each another or some again and again."""
    count = draw(st.integers(20, 80))
    spans = draw(st.lists(st.floats(0.1, 0.7), min_size=count, max_size=count))
    said_again = st.lists(st.sampled_from(["no", "so"]), min_size=count, max_size=count)
    others = st.just([f"w{number}" for number in range(count)])
    texts = draw(said_again | others if again else others)
    spoken, now = [], 0.0
    for text, seconds in zip(texts, spans, strict=True):
        spoken.append((text, now, now + seconds))
        now += seconds
    return spoken


def cuts_of(spoken: Spoken, shares: list[float]) -> list[float]:
    """Return where a recording is cut: at these shares, none of them nearer than the overlaps."""
    cuts: list[float] = []
    for share in sorted(shares):
        at = share * spoken[-1][2]
        if at - (cuts[-1] if cuts else 0.0) > 2 * OVERLAP + 1:
            cuts.append(at)
    return cuts


def parts_of(
    spoken: Spoken, shares: list[float], sentences: list[list[int]]
) -> list[dict[str, Any]]:
    """What is heard of a recording that is cut at these shares."""
    end = spoken[-1][2]
    chunks = []
    for (before, after), lengths in zip(
        pairwise([0.0, *cuts_of(spoken, shares), end]), sentences, strict=False
    ):
        begins = max(0.0, before - OVERLAP)
        found = heard(spoken, begins, min(end, after + OVERLAP), lengths)
        chunks.append(chunk(begins, (before, after), *found))
    return chunks


SHARES = st.lists(st.floats(0.1, 0.9), min_size=1, max_size=4)
SENTENCES = st.lists(LENGTHS, min_size=5, max_size=5)


@settings(deadline=None, max_examples=200)
@given(speech(), SHARES, SENTENCES)
def test_what_is_heard_without_errors_is_joined_without_errors(
    merger: EngineUnderTest, spoken: Spoken, shares: list[float], sentences: list[list[int]]
) -> None:
    chunks = parts_of(spoken, shares, sentences)
    data = merge(merger, *chunks, prepare={"duration": spoken[-1][2]})
    assert data["text"] == " ".join(text for text, _, _ in spoken)
    assert words(data) == data["text"]


@settings(deadline=None, max_examples=200)
@given(speech(again=False), SHARES, SENTENCES)
def test_and_so_it_is_where_the_times_of_words_are_not_known(
    merger: EngineUnderTest, spoken: Spoken, shares: list[float], sentences: list[list[int]]
) -> None:
    chunks = parts_of(spoken, shares, sentences)
    for one in chunks:
        for segment in one["segments"]:
            del segment["words"]
    data = merge(merger, *chunks, prepare={"duration": spoken[-1][2]})
    assert data["text"] == " ".join(text for text, _, _ in spoken)
    assert not any("words" in segment for segment in data["segments"])
