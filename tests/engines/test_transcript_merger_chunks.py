"""The one transcript, made of chunks; and who speaks in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from dalston.engine_sdk.types import TaskInput
from tests.engines.sounds import ENGINES

PREPARED: dict[str, Any] = {"duration": 20.0, "channels": 1, "sample_rate": 16_000}


def said(text: str, start: float, *, pace: float = 0.5, words: bool = True) -> dict[str, Any]:
    """A segment whose words take half a second each."""
    spans = [
        {"text": word, "start": start + number * pace, "end": start + (number + 1) * pace}
        for number, word in enumerate(text.split())
    ]
    segment = {"start": start, "end": spans[-1]["end"], "text": text, "confidence": 0.9}
    return {**segment, "words": spans} if words else segment


def chunk(
    offset: float, core: tuple[float, float], *segments: dict[str, Any], **facts: Any
) -> dict[str, Any]:
    return {
        "text": " ".join(segment["text"] for segment in segments),
        "segments": list(segments),
        "language": "en",
        "offset": offset,
        "core_start": core[0],
        "core_end": core[1],
        **facts,
    }


@pytest.fixture(scope="module")
def merger() -> Any:
    with open_engine(ENGINES / "merge" / "transcript-merger") as engine:
        yield engine


def merge(merger: EngineUnderTest, *chunks: dict[str, Any], **others: Any) -> dict[str, Any]:
    previous = {"prepare": PREPARED, "transcribe": list(chunks), **others}
    return merger.process(Path(__file__), previous=previous).data


def spans(data: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(s["start"], s["end"], s["text"]) for s in data["segments"]]


def words(data: dict[str, Any]) -> str:
    return " ".join(word["text"] for s in data["segments"] for word in s["words"])


def test_times_are_those_of_the_recording(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(8.0, (8.0, 20.0), said("Third.", 0.5), said("Fourth one.", 3.0)),
        chunk(0.0, (0.0, 8.0), said("First.", 1.0), said("Second, two.", 6.0)),
    )
    assert spans(data) == [
        (1.0, 1.5, "First."),
        (6.0, 7.0, "Second, two."),
        (8.5, 9.0, "Third."),
        (11.0, 12.0, "Fourth one."),
    ]
    assert data["segments"][3]["words"][1] == {"text": "one.", "start": 11.5, "end": 12.0}
    assert [segment["id"] for segment in data["segments"]] == [0, 1, 2, 3]
    assert data["text"] == "First. Second, two. Third. Fourth one."
    assert (data["language"], data["duration"]) == ("en", 20.0)


def test_one_chunk_is_like_the_whole(merger: EngineUnderTest) -> None:
    whole = {"text": "Hi there.", "segments": [said("Hi there.", 0.25)], "language": "en"}
    as_chunk = {**whole, "offset": 0.0, "core_start": 0.0, "core_end": 20.0}
    previous = {"prepare": PREPARED, "transcribe": whole}
    assert merger.process(Path(__file__), previous=previous).data == merge(merger, as_chunk)


def test_an_overlap_gives_each_word_once(merger: EngineUnderTest) -> None:
    """Both heard "five six seven eight"; each puts the word on the cut to another side."""
    before = said("One two three, four five six seven eigh", 6.0)
    after = said("ix seven, eight nine ten.", 0.6)
    data = merge(merger, chunk(0.0, (0.0, 9.0), before), chunk(8.0, (9.0, 20.0), after))
    assert data["text"] == "One two three, four five six seven eight nine ten."
    assert words(data) == data["text"]


@pytest.mark.parametrize("shift", [-0.4, -0.1, 0.0, 0.1, 0.4])
def test_an_overlap_loses_no_word_and_doubles_none(merger: EngineUnderTest, shift: float) -> None:
    sentence = list("abcdefghijklmnopqrst")
    for at in np.arange(1.6, 6.0, 0.1).tolist():
        starts = [number * 0.4 for number in range(len(sentence))]
        heard = list(zip(sentence, starts, strict=True))
        before = [said(word, start, pace=0.35) for word, start in heard if start < at + 1.5]
        begins = at - 1.5
        moved = [(word, start + shift - begins) for word, start in heard]
        after = [said(word, start, pace=0.35) for word, start in moved if start >= 0]
        data = merge(merger, chunk(0.0, (0.0, at), *before), chunk(begins, (at, 20.0), *after))
        assert data["text"].split() == sentence, at


def test_an_overlap_without_a_common_word_is_cut_by_time(merger: EngineUnderTest) -> None:
    before, after = said("one two three four", 7.0), said("drei vier fünf", 0.0)
    data = merge(merger, chunk(0.0, (0.0, 8.0), before), chunk(7.5, (8.0, 20.0), after))
    assert data["text"] == "one two vier fünf"
    assert spans(data) == [(7.0, 8.0, "one two"), (8.0, 9.0, "vier fünf")]


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([("a b", 6.0), ("only here", 8.2)], []),
        ([("a b", 6.0), ("only here", 8.2)], [("c d", 8.0)]),
        ([], [("only here", 0.2), ("c d", 6.0)]),
        ([("a b", 4.0)], [("only here", 0.2), ("c d", 6.0)]),
    ],
    ids=["nothing after", "much later after", "nothing before", "much earlier before"],
)
def test_what_only_one_chunk_heard_in_an_overlap_stays(
    merger: EngineUnderTest,
    before: list[tuple[str, float]],
    after: list[tuple[str, float]],
    timed: bool,
) -> None:
    one, other = (
        [said(text, start, words=timed) for text, start in heard] for heard in (before, after)
    )
    data = merge(merger, chunk(0.0, (0.0, 8.0), *one), chunk(6.5, (8.0, 20.0), *other))
    assert data["text"] == " ".join(text for text, _ in before + after)


def test_segments_without_words_stay_whole_at_a_pause(merger: EngineUnderTest) -> None:
    late = {**said("up to here and on", 6.0, words=False), "end": 8.3}
    data = merge(
        merger,
        chunk(0.0, (0.0, 8.0), said("one", 5.5, words=False), late),
        chunk(8.0, (8.0, 20.0), said("two three", 0.0, words=False)),
    )
    assert spans(data) == [
        (5.5, 6.0, "one"),
        (6.0, 8.3, "up to here and on"),
        (8.0, 9.0, "two three"),
    ]
    assert all("words" not in segment for segment in data["segments"])


@pytest.mark.parametrize("timed", [True, False])
def test_a_word_that_is_timed_to_the_end_of_its_file_stays(
    merger: EngineUnderTest, timed: bool
) -> None:
    """Transcribers move times behind a file's end to it: such a word has no length."""
    last = said("no.", 8.0, pace=0.0, words=timed)
    doubt = {"code": "repeated_text", "message": "again", "start": 8.0, "end": 8.0}
    data = merge(
        merger,
        chunk(0.0, (0.0, 8.0), said("I said", 7.0), last, warnings=[doubt]),
        chunk(8.0, (8.0, 20.0), said("Then go.", 0.5)),
    )
    assert data["text"] == "I said no. Then go."
    assert data["metadata"]["warnings"] == [doubt]


def test_a_chunk_that_is_missing_leaves_a_gap(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 5.0), said("one two", 4.6)),
        chunk(9.0, (10.0, 20.0), said("seven eight nine", 0.3)),
    )
    assert data["text"] == "one eight nine"


def test_better_times_replace_those_of_the_transcriber(merger: EngineUnderTest) -> None:
    first = chunk(0.0, (0.0, 8.0), said("One two.", 1.0))
    second = chunk(8.0, (8.0, 20.0), said("Three four.", 1.0))
    aligned = {**second, "segments": [said("Three four.", 1.2, pace=0.3)]}
    aligned["engine"] = {"id": "aligner", "version": "2"}
    data = merge(merger, first, second, align=[aligned])
    assert spans(data) == [(1.0, 2.0, "One two."), (9.2, 9.8, "Three four.")]
    assert data["metadata"]["pipeline"] == ["aligner", "transcript-merger"]
    whole = {"segments": [said("One two.", 1.1), said("Three four.", 9.3)]}
    assert [s[0] for s in spans(merge(merger, first, second, align=whole))] == [1.1, 9.3]


def diarized(*turns: tuple[float, float, str]) -> dict[str, Any]:
    return {
        "turns": [{"start": a, "end": b, "speaker": who} for a, b, who in turns],
        "speakers": [
            {"id": f"speaker_{number}", "label": f"Speaker {number}"} for number in (1, 2, 3)
        ],
    }


def test_each_word_and_segment_has_its_speaker(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 20.0), said("How are you? I am fine, thanks.", 1.0), said("Good.", 6.0)),
        diarize=diarized((0.9, 2.6, "speaker_1"), (2.6, 4.6, "speaker_2"), (5.9, 6.4, "speaker_1")),
    )
    assert [(s["speaker"], *t) for s, t in zip(data["segments"], spans(data), strict=True)] == [
        ("speaker_1", 1.0, 2.5, "How are you?"),
        ("speaker_2", 2.5, 4.5, "I am fine, thanks."),
        ("speaker_1", 6.0, 6.5, "Good."),
    ]
    for segment in data["segments"]:
        assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}
        assert segment["confidence"] == 0.9
    assert data["speakers"] == [
        {"id": "speaker_1", "label": "Speaker 1"},
        {"id": "speaker_2", "label": "Speaker 2"},
    ]
    assert data["text"] == "How are you? I am fine, thanks. Good."


def test_a_word_is_near_a_turn_or_nobodys(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 20.0), said("near", 2.4), said("far", 4.0), said("x y", 6.0, words=False)),
        diarize=diarized((1.0, 2.0, "speaker_1"), (6.4, 7.0, "speaker_2")),
    )
    assert [segment.get("speaker") for segment in data["segments"]] == [
        "speaker_1",
        None,
        "speaker_2",
    ]
    assert "speaker" not in data["segments"][1]["words"][0]


def test_a_late_turn_does_not_tear_a_word_out(merger: EngineUnderTest) -> None:
    """The second turn begins too early, and a short one is heard inside the first's words."""
    text = said("one two three four five six", 1.0)
    turns = diarized((1.0, 3.8, "speaker_1"), (1.6, 1.95, "speaker_2"), (3.7, 9.0, "speaker_2"))
    data = merge(merger, chunk(0.0, (0.0, 20.0), text), diarize=turns)
    assert spans(data) == [(1.0, 4.0, "one two three four five six")]


def test_a_clear_word_of_another_splits_a_sentence(merger: EngineUnderTest) -> None:
    text = said("so then we yes went on", 1.0)
    turns = diarized((0.9, 2.49, "speaker_1"), (2.5, 3.0, "speaker_2"), (3.01, 5.0, "speaker_1"))
    data = merge(merger, chunk(0.0, (0.0, 20.0), text), diarize=turns)
    assert [(s["speaker"], s["text"]) for s in data["segments"]] == [
        ("speaker_1", "so then we"),
        ("speaker_2", "yes"),
        ("speaker_1", "went on"),
    ]


A, B = "speaker_1", "speaker_2"


@pytest.mark.parametrize(
    "turns",
    [
        [(0.0, 1.25, A), (1.52, 3.0, B)],
        [(0.0, 1.3, A), (1.55, 3.0, B)],
        [(0.0, 1.5, A), (1.3, 3.0, B)],
    ],
    ids=["a pause", "a shorter pause", "both at once"],
)
def test_a_question_and_its_answer_are_not_exchanged(
    merger: EngineUnderTest, turns: list[tuple[float, float, str]]
) -> None:
    found = merge(
        merger, chunk(0.0, (0.0, 20.0), said("Yes? No.", 1.0, pace=0.4)), diarize=diarized(*turns)
    )
    assert [(s["speaker"], s["text"]) for s in found["segments"]] == [(A, "Yes?"), (B, "No.")]


def test_three_words_in_turn_stay_whose_they_are(merger: EngineUnderTest) -> None:
    turns = diarized((0.0, 1.55, A), (1.35, 2.05, B), (1.85, 3.0, A))
    found = merge(merger, chunk(0.0, (0.0, 20.0), said("Ok? Yes. Good.", 1.0)), diarize=turns)
    assert [s["speaker"] for s in found["segments"]] == [A, B, A]


def test_an_answer_goes_to_nobody_who_is_silent_then(merger: EngineUnderTest) -> None:
    """Who answers is found a little late, and nobody else speaks there."""
    turns = diarized((1.0, 3.4, A), (3.7, 6.0, B))
    text = said("Did you lock the door? Yes.", 1.0)
    found = merge(merger, chunk(0.0, (0.0, 20.0), text), diarize=turns)
    assert [s["text"] for s in found["segments"]] == ["Did you lock the door?", "Yes."]


def test_a_failed_diarizer_is_told_of(merger: EngineUnderTest, tmp_path: Path) -> None:
    sentence = "The stage `diarize` failed: no speakers are told apart."
    task = TaskInput(
        task_id="task_1",
        job_id="job_1",
        audio_path=tmp_path,
        previous_outputs={"transcribe": [chunk(0.0, (0.0, 5.0), said("Hi.", 0.0))]},
        warnings=[sentence],
    )
    metadata = merger.engine.process(task).data["metadata"]
    assert metadata["warnings"] == [{"code": "stage_failed", "message": sentence}]


def test_warnings_come_once_and_at_the_recordings_times(merger: EngineUnderTest) -> None:
    slow = {"code": "gpu_unavailable", "message": "slow"}
    looping = {"code": "repeated_text", "message": "again", "start": 1.0, "end": 3.0}
    data = merge(
        merger,
        chunk(0.0, (0.0, 8.0), warnings=[slow, looping]),
        chunk(6.0, (8.0, 20.0), warnings=[slow, looping, {**looping, "start": 0.0, "end": 1.0}]),
    )
    assert data["metadata"]["warnings"] == [slow, looping, {**looping, "start": 7.0, "end": 9.0}]


def test_the_language_is_that_of_most_of_the_speech(merger: EngineUnderTest) -> None:
    long, short = said("so viele Worte hier", 1.0), said("Hi.", 1.0)
    german = {"language": "de", "language_confidence": 0.8}
    data = merge(
        merger,
        chunk(0.0, (0.0, 5.0), short, language_confidence=0.9),
        chunk(5.0, (5.0, 10.0), long, **german),
        chunk(10.0, (10.0, 15.0), long, **{**german, "language_confidence": 0.6}),
        chunk(15.0, (15.0, 20.0), language=None),
    )
    assert (data["language"], data["language_confidence"]) == ("de", 0.7)
    (warning,) = data["metadata"]["warnings"]
    assert warning["code"] == "several_languages"
    assert "de (4 s), en (0 s)" in warning["message"]


def test_speakers_of_the_transcriber_stay(merger: EngineUnderTest) -> None:
    left = {"id": "left", "label": "Left"}
    segment = {**said("Hello.", 0.0), "speaker": "left"}
    data = merge(
        merger,
        chunk(0.0, (0.0, 5.0), segment, speakers=[left]),
        chunk(5.0, (5.0, 20.0), segment, speakers=[left]),
    )
    assert data["speakers"] == [left]
    assert [s["speaker"] for s in data["segments"]] == ["left", "left"]


def test_languages_without_spaces_keep_their_text_when_they_are_cut(
    merger: EngineUnderTest,
) -> None:
    segment = {**said("今天 天气 很好 啊", 1.0), "text": "今天天气、很好啊。"}
    data = merge(
        merger,
        chunk(0.0, (0.0, 20.0), segment, language="zh"),
        diarize=diarized((1.0, 2.0, "speaker_1"), (2.0, 3.0, "speaker_2")),
    )
    assert [s["text"] for s in data["segments"]] == ["今天天气", "很好啊"]


@pytest.mark.parametrize("text", ["Good morning. Let us begin.", "お早う。始めましょう。"])
def test_sentences_are_joined_as_they_are_written_and_not_as_they_were_spoken(
    merger: EngineUnderTest, text: str
) -> None:
    """A translation is English; a recording that is taken for English may have other parts."""
    first, second = text.replace("。", "。|").replace(". ", ".|").strip("|").split("|")
    for language in ("ja", "en", None):
        parts = [
            chunk(0.0, (0.0, 8.0), said(first, 1.0), language=language),
            chunk(8.0, (8.0, 20.0), said(second, 1.0), language=language),
        ]
        assert merge(merger, *parts)["text"] == text


def test_ten_hours_are_merged(merger: EngineUnderTest) -> None:
    chunks = [
        chunk(
            n * 45.0,
            (n * 45.0, n * 45.0 + 45),
            *[said("one two three", s) for s in range(1, 44, 2)],
        )
        for n in range(800)
    ]
    turns = [(n * 10.0, n * 10.0 + 9, f"speaker_{n % 3 + 1}") for n in range(3600)]
    data = merge(
        merger, *chunks, prepare={**PREPARED, "duration": 36_000.0}, diarize=diarized(*turns)
    )
    starts = [segment["start"] for segment in data["segments"]]
    assert starts == sorted(starts)
    assert len(data["text"].split()) == 800 * 22 * 3
    assert json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("segments", [None, 3, ["intro"], [{"topic": "weather"}]])
def test_segments_of_another_stage_are_its_own_affair(
    merger: EngineUnderTest, segments: object
) -> None:
    parts = [chunk(0.0, (0.0, 8.0), said("Hi.", 1.0)), chunk(8.0, (8.0, 20.0), said("Ho.", 1.0))]
    data = merge(merger, *parts, topics={"segments": segments, "engine": {"id": "topics"}})
    assert data["text"] == "Hi. Ho."
    assert "topics" in data["metadata"]["engines"]
