"""What the engine pocketsphinx makes of a transcriber's words: the same words, better times."""

from __future__ import annotations

import json
import re
import statistics
import wave
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from tests.engines.sounds import ENGINES, tone, write_wav
from tests.engines.speech_clips import read_sound, silence
from tests.support.recordings import SPEECH, needs_recordings

FOLDER = ENGINES / "align" / "pocketsphinx"
WRONGEST_MEDIAN = 0.02
"""Seconds from a word's start to where hand-checked alignments have it; 0.01 were measured."""

Words = list[dict[str, Any]]


@pytest.fixture(scope="module")
def aligner() -> Iterator[EngineUnderTest]:
    with open_engine(FOLDER) as engine:
        yield engine


@pytest.fixture(scope="module")
def babble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of something like speech, in which simple words can be found."""
    times = np.arange(3 * 16_000) / 16_000
    tones = (
        np.sin(2 * np.pi * 120 * n * times) / n * np.exp(-(((120 * n - formant) / 212) ** 2))
        for formant in (600, 1200, 2500)
        for n in range(1, 40)
    )
    chance = np.random.default_rng(1)
    syllables = np.sin(2 * np.pi * 4 * times)
    hissing = chance.normal(0, 0.3, len(times)) * np.clip(-syllables, 0, 1) ** 4
    spoken = (3 * sum(tones) * np.clip(syllables, 0, 1) + hissing) * 3000
    spoken[(times < 0.3) | (times > 2.7)] = 0
    samples = spoken + chance.normal(0, 5, len(times))
    return write_wav(tmp_path_factory.mktemp("babble") / "audio.wav", samples.astype(np.int16))


def segment(text: str, start: float, end: float, **facts: Any) -> dict[str, Any]:
    """A segment whose words share its time evenly."""
    parts = text.split()
    each = (end - start) / max(len(parts), 1)
    words = [
        {"text": part, "start": start + n * each, "end": start + (n + 1) * each, "confidence": 0.5}
        for n, part in enumerate(parts)
    ]
    return {"start": start, "end": end, "text": text, "words": words, **facts}


def transcription(*segments: dict[str, Any], language: str | None = "en") -> dict[str, Any]:
    text = " ".join(one["text"] for one in segments)
    said = {} if language is None else {"language": language}
    return {"transcribe": {"text": text, "segments": list(segments), **said}}


def all_words(data: dict[str, Any]) -> Words:
    return [word for one in data["segments"] for word in one["words"]]


def check_order(data: dict[str, Any]) -> None:
    """Words lie in their segments, one after the other."""
    for one in data["segments"]:
        assert one["start"] <= one["words"][0]["start"]
        assert one["words"][-1]["end"] <= one["end"]
        for word in one["words"]:
            assert word["start"] <= word["end"]
        assert all(first["end"] <= second["start"] for first, second in pairwise(one["words"]))


@pytest.mark.parametrize(
    "text",
    [
        "Well, I am here.",
        "We owe $5 — now!",
        "Kubernetes zyxxgh Dalston's",
        "an “allée” of 9",
        "♪ 10:05am …",
        "hello ... there",
    ],
)
def test_words_stay_as_they_were_and_only_times_change(
    aligner: EngineUnderTest, babble: Path, text: str
) -> None:
    given = segment(text, 0.1, 2.9, confidence=0.25, speaker="speaker_1")
    data = aligner.process(babble, previous=transcription(given)).data
    (placed,) = data["segments"]
    assert data["warnings"] == []
    assert {**placed, "words": None, "start": 0, "end": 0} == {
        **given,
        "words": None,
        "start": 0,
        "end": 0,
    }
    assert [{**word, "start": 0, "end": 0} for word in placed["words"]] == [
        {**word, "start": 0, "end": 0} for word in given["words"]
    ]
    assert [word["start"] for word in placed["words"]] != [w["start"] for w in given["words"]]
    check_order(data)
    assert placed["words"][-1]["end"] <= 3.0


def test_a_segment_lasts_from_its_first_word_to_its_last(
    aligner: EngineUnderTest, babble: Path
) -> None:
    """A transcriber's segments begin and end in the silence around what is said."""
    given = segment("Good evening, all.", 0.0, 3.0)
    (placed,) = aligner.process(babble, previous=transcription(given)).data["segments"]
    first, last = placed["words"][0], placed["words"][-1]
    assert (placed["start"], placed["end"]) == (first["start"], last["end"])
    assert placed["start"] > 0.1


def test_segments_that_overlap_stay_in_order(aligner: EngineUnderTest, babble: Path) -> None:
    given = [segment("Good evening.", 0.0, 2.9), segment("All of you.", 0.1, 2.9)]
    data = aligner.process(babble, previous=transcription(*given)).data
    first, second = data["segments"]
    assert data["segments"] != given
    assert first["start"] <= second["start"]


def test_without_words_the_text_is_divided(aligner: EngineUnderTest, babble: Path) -> None:
    given = {"start": 0.5, "end": 2.5, "text": "Good evening, all."}
    (placed,) = aligner.process(babble, previous=transcription(given)).data["segments"]
    assert [word["text"] for word in placed["words"]] == ["Good", "evening,", "all."]
    assert placed["text"] == given["text"]


def test_words_that_can_not_be_there_keep_their_times(
    aligner: EngineUnderTest, babble: Path
) -> None:
    hasty = segment("these are far too many words for a blink " * 3, 1.0, 1.05, confidence=0.5)
    near = segment("Two.", 1.8, 2.6)
    data = aligner.process(babble, previous=transcription(hasty, near)).data
    first, second = data["segments"]
    assert first == hasty
    assert second["words"] != near["words"]
    (warning,) = data["warnings"]
    assert warning["code"] == "words_not_aligned"
    assert (warning["start"], warning["end"]) == (1.0, 1.05)
    assert "these are far too many words" in warning["message"]


def test_a_segment_behind_the_end_of_the_recording(aligner: EngineUnderTest, babble: Path) -> None:
    late = segment("Goodbye.", 7.0, 8.0)
    data = aligner.process(babble, previous=transcription(late)).data
    assert data["segments"] == [late]
    assert [warning["start"] for warning in data["warnings"]] == [7.0]


def test_a_segment_of_minutes_is_not_tried(aligner: EngineUnderTest, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "audio.wav", silence(130.0))
    given = segment("one two three", 0.0, 125.0)
    data = aligner.process(path, previous=transcription(given)).data
    assert data["segments"] == [given]
    assert "more than 120 s" in data["warnings"][0]["message"]


@pytest.mark.parametrize("text", ["♪ ♪", "—", "東京"])
def test_where_nothing_is_spoken_nothing_changes(
    aligner: EngineUnderTest, babble: Path, text: str
) -> None:
    given = segment(text, 0.5, 2.0)
    data = aligner.process(babble, previous=transcription(given)).data
    assert (data["segments"], data["warnings"]) == ([given], [])


def test_a_transcript_without_segments(aligner: EngineUnderTest, babble: Path) -> None:
    told: list[tuple[float, float]] = []
    for language in ("en", "de", None):
        data = aligner.process(
            babble,
            previous=transcription(language=language),
            on_progress=lambda done, total: told.append((done, total)),
        ).data
        assert (data["segments"], data["warnings"]) == ([], [])
    assert told == []


def test_other_languages_keep_their_times(aligner: EngineUnderTest, babble: Path) -> None:
    given = [segment("Guten Morgen", 0.2, 1.0), segment("in Berlin", 1.2, 2.0)]
    data = aligner.process(babble, previous=transcription(*given, language="de")).data
    assert data["segments"] == given
    (warning,) = data["warnings"]
    assert warning["code"] == "language_not_aligned"
    assert "'de'" in warning["message"]
    assert "start" not in warning


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("you and me and all of them", True),
        ("Ich möchte gerne wissen, was heute geschehen ist", False),
    ],
)
def test_a_language_that_nobody_told_is_read_from_the_words(
    aligner: EngineUnderTest, babble: Path, text: str, *, english: bool
) -> None:
    given = segment(text, 0.1, 2.9)
    data = aligner.process(babble, previous=transcription(given, language=None)).data
    assert (data["segments"] != [given]) == english
    assert ("language_not_aligned" in [one["code"] for one in data["warnings"]]) != english


def test_it_tells_of_each_segment_and_what_it_is(aligner: EngineUnderTest, babble: Path) -> None:
    told: list[tuple[float, float]] = []
    given = [segment("One.", 0.1, 1.0), segment("—", 1.1, 1.2), segment("Two.", 1.5, 2.5)]
    data = aligner.process(
        babble,
        previous=transcription(*given, language="en-US"),
        on_progress=lambda done, total: told.append((done, total)),
    ).data
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert data["engine"] == {"id": "pocketsphinx", "version": "1.0.1", "model": "en-us"}


def test_a_word_is_not_looked_for_where_its_neighbours_segments_are(
    aligner: EngineUnderTest, babble: Path
) -> None:
    given = [segment(text, n * 0.5, n * 0.5 + 0.5) for n, text in enumerate(["Two.", "One."] * 3)]
    data = aligner.process(babble, previous=transcription(*given)).data
    check_order(data)
    assert data["segments"] != given
    assert all(a["end"] <= b["start"] for a, b in pairwise(data["segments"]))


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write_wav(path, tone(1.0, 8_000), rate=8_000),
        lambda path: write_wav(path, np.repeat(tone(1.0), 2), channels=2),
        lambda path: write_wav(path, tone(1.0).astype(np.int32)),
        lambda path: path.write_bytes(b"Dear Sir") and path,
        lambda path: path.write_bytes(b"") or path,
    ],
    ids=["8 kHz", "stereo", "32 bits", "text", "nothing"],
)
def test_audio_that_nobody_prepared(aligner: EngineUnderTest, tmp_path: Path, make: Any) -> None:
    with pytest.raises(TaskFailed) as failed:
        aligner.process(make(tmp_path / "audio.wav"), previous=transcription())
    assert failed.value.code == "wrong_audio"
    assert "prepare" in failed.value.message
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("previous", "code"),
    [({}, "missing_transcription"), ({"transcribe": []}, "wrong_pipeline")],
)
def test_a_pipeline_that_can_not_work(
    aligner: EngineUnderTest, babble: Path, previous: dict[str, Any], code: str
) -> None:
    with pytest.raises(TaskFailed) as failed:
        aligner.process(babble, previous=previous)
    assert failed.value.code == code


@needs_recordings
def test_words_start_where_they_are_heard(
    aligner: EngineUnderTest, prepare: EngineUnderTest, whisper: EngineUnderTest, tmp_path: Path
) -> None:
    """A person's spontaneous speech, recognised by us, against the Montreal Forced Aligner."""
    name = "en_mfa_acoustic_corpus"
    reference: Words = json.loads((SPEECH / "words" / f"{name}.json").read_text(encoding="utf-8"))
    prepare.process(SPEECH / f"{name}.wav", keep_files_in=tmp_path)
    audio = tmp_path / "audio.wav"
    recognised = whisper.process(audio, config={"language": "en"}).data
    told: list[float] = []
    data = aligner.process(
        audio,
        previous={"transcribe": recognised},
        on_progress=lambda done, _: told.append(done),
    ).data
    check_order(data)
    assert len(told) == len(data["segments"])
    assert [w["text"] for w in all_words(data)] == [w["text"] for w in all_words(recognised)]
    before, after = (start_errors(all_words(one), reference) for one in (recognised, data))
    assert len(after) >= 45, "too few words were recognised to tell"
    assert statistics.median(after) <= WRONGEST_MEDIAN, statistics.median(after)
    assert statistics.mean(after) < statistics.mean(before)


@needs_recordings
def test_times_are_those_of_the_file(aligner: EngineUnderTest, tmp_path: Path) -> None:
    """The same speech behind ten seconds of silence: all is ten seconds later."""
    speech = read_sound(SPEECH / "en_jfk.flac")
    text = (
        "And so my fellow Americans ask not what your country can do for you "
        "ask what you can do for your country"
    )
    shifted = []
    for pause in (0.0, 10.0):
        sound = np.concatenate([silence(pause), speech])
        path = write_wav(tmp_path / "audio.wav", sound)
        given = {"start": pause, "end": pause + 11.0, "text": text}
        data = aligner.process(path, previous=transcription(given)).data
        assert data["warnings"] == []
        shifted.append([word["start"] - pause for word in all_words(data)])
    assert shifted[1] == pytest.approx(shifted[0], abs=0.05)
    heard = dict(zip(reversed(text.split()), reversed(shifted[0]), strict=True))
    assert (heard["And"], heard["country"]) == pytest.approx((0.3, 5.8), abs=0.3)


@needs_recordings
def test_words_that_nobody_says_are_told(aligner: EngineUnderTest) -> None:
    with wave.open(str(SPEECH / "en_librivox_0880.wav"), "rb") as file:
        seconds = file.getnframes() / file.getframerate()
    wrong = segment("entirely different syllables, invented by nobody " * 6, 0.0, seconds)
    data = aligner.process(SPEECH / "en_librivox_0880.wav", previous=transcription(wrong)).data
    assert data["segments"] == [wrong]
    assert [warning["code"] for warning in data["warnings"]] == ["words_not_aligned"]


def start_errors(words: Words, reference: Words) -> list[float]:
    """Seconds by which the starts of words differ that both have."""
    ours, theirs = [_bare(w["text"]) for w in words], [_bare(w["word"]) for w in reference]
    same = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [
        abs(words[block.a + n]["start"] - reference[block.b + n]["start"])
        for block in same
        for n in range(block.size)
    ]


def _bare(text: str) -> str:
    return re.sub("[^a-z']", "", text.lower())
