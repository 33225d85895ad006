"""Where nobody pauses two chunks overlap: each word that was spoken is in the transcript once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

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
        text = " ".join(word["text"] for word in timed)
        span = {"start": timed[0]["start"], "end": timed[-1]["end"]}
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


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)
"""Of sentences, in words."""


@st.composite
def speech(draw: st.DrawFn) -> Spoken:
    """Words without a pause that lets anybody cut, each another or some again and again."""
    count = draw(st.integers(20, 80))
    spans = draw(st.lists(st.floats(0.1, 0.7), min_size=count, max_size=count))
    said_again = st.lists(st.sampled_from(["no", "so"]), min_size=count, max_size=count)
    texts = draw(said_again | st.just([f"w{number}" for number in range(count)]))
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


@settings(deadline=None, max_examples=200)
@given(
    speech(),
    st.lists(st.floats(0.1, 0.9), min_size=1, max_size=4),
    st.lists(LENGTHS, min_size=5, max_size=5),
)
def test_what_is_heard_without_errors_is_joined_without_errors(
    merger: EngineUnderTest, spoken: Spoken, shares: list[float], sentences: list[list[int]]
) -> None:
    end = spoken[-1][2]
    chunks = []
    for (before, after), lengths in zip(
        pairwise([0.0, *cuts_of(spoken, shares), end]), sentences, strict=False
    ):
        begins = max(0.0, before - OVERLAP)
        found = heard(spoken, begins, min(end, after + OVERLAP), lengths)
        chunks.append(chunk(begins, (before, after), *found))
    data = merge(merger, *chunks, prepare={"duration": end})
    assert data["text"] == " ".join(text for text, _, _ in spoken)
    assert words(data) == data["text"]
