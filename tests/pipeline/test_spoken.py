"""Real speech from upload to transcript: who speaks, in which channel, in which language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jiwer import wer
from whisper_normalizer.english import EnglishTextNormalizer

from dalston.evaluation.speakers import read_turns, score_speakers, turns_of
from tests.engines.sounds import references, write_wav
from tests.engines.speech_clips import RATE, read_sound, silence
from tests.support.recordings import SPEECH, needs_recordings
from tests.support.stack import Stack, running_embedded

pytestmark = [needs_recordings, pytest.mark.timeout(600)]

ENGINES = (
    "audio-prepare",
    "faster-whisper",
    "pocketsphinx",
    "ge2e-speakers",
    "transcript-merger",
)
QUICK = {"beam_size": "1"}
LONGEST_SECONDS = 240.0
"""What a job may take on a machine that others keep busy."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {"DALSTON_PIPELINE": "default", "DALSTON_MODEL": "base"}
    with running_embedded(*ENGINES, **settings) as stack:
        yield stack


def transcribed(stack: Stack, audio: Path, **fields: str) -> dict[str, Any]:
    job = stack.ended(stack.submit(audio, **QUICK, **fields), LONGEST_SECONDS)
    assert job["status"] == "completed", job.get("error")
    return job


def codes(job: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in job["metadata"]["warnings"]}


def text_of(job: dict[str, Any], speaker: str) -> str:
    return " ".join(s["text"] for s in job["segments"] if s["speaker"] == speaker)


def speakers_of_words(job: dict[str, Any]) -> list[str | None]:
    return [word.get("speaker") for s in job["segments"] for word in s["words"]]


def check_speakers(job: dict[str, Any]) -> None:
    """Each word and segment has a speaker that is listed, and all are in order of time."""
    known = {speaker["id"] for speaker in job["speakers"]}
    assert {segment["speaker"] for segment in job["segments"]} == known
    assert set(speakers_of_words(job)) == known
    starts = [segment["start"] for segment in job["segments"]]
    assert starts == sorted(starts)


def test_a_call_with_a_person_on_each_channel(stack: Stack) -> None:
    job = transcribed(stack, SPEECH / "en_stereo_call_2ch_google.wav", channels="split")

    check_speakers(job)
    assert [speaker["label"] for speaker in job["speakers"]] == ["Channel 1", "Channel 2"]
    assert "account" in text_of(job, "channel_1")
    assert "credit card" in text_of(job, "channel_2")
    assert "credit card" not in text_of(job, "channel_1")
    assert job["metadata"]["audio"]["channels"] == 2


def test_a_dialogue_with_a_person_on_each_channel(stack: Stack) -> None:
    name = "en_2spk_dialog_stereo.flac"
    job = transcribed(stack, SPEECH / name, channels="split", pipeline="speakers")

    check_speakers(job)
    assert {task["stage"] for task in job["tasks"]} == {
        "prepare",
        "language",
        "transcribe",
        "align",
        "merge",
    }
    (expected,) = (text for file, _, text in references() if file == name)
    normalize = EnglishTextNormalizer()
    for speaker, reader in (("channel_1", "[libri-2033]"), ("channel_2", "[libri-3080]")):
        turns = expected.replace("[", "\n[").splitlines()
        said = " ".join(turn.removeprefix(reader) for turn in turns if turn.startswith(reader))
        assert wer(normalize(said), normalize(text_of(job, speaker))) < 0.3


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four turns of two people, 18 seconds."""
    samples = read_sound(SPEECH / "en_2spk_dialog_mono.flac")[: round(18.6 * RATE)]
    return write_wav(tmp_path_factory.mktemp("spoken") / "dialogue.wav", samples)


@pytest.mark.parametrize("asked", [{"pipeline": "speakers"}, {"diarize": "true"}])
def test_who_speaks_is_on_each_word_and_segment(
    stack: Stack, dialogue: Path, asked: dict[str, str]
) -> None:
    job = transcribed(stack, dialogue, language="en", **asked)

    check_speakers(job)
    assert len(job["speakers"]) == 2
    turns = read_turns(SPEECH / "rttm" / "en_2spk_dialog_mono.rttm")
    expected = [turn for turn in turns if turn[2] < 18.6]
    score = score_speakers(expected, turns_of(job))
    assert score.confused < 0.5
    # Without the stage `align` Whisper's own word times count, which are less exact.
    assert score.rate is not None
    assert score.rate < (0.1 if "pipeline" in asked else 0.2)
    assert "overlap_not_detected" in codes(job)
    speakers = [segment["speaker"] for segment in job["segments"]]
    changes = [
        who for who, before in zip(speakers, [None, *speakers], strict=False) if who != before
    ]
    assert len(changes) == len(expected) == 4


def test_nobody_is_told_apart_unless_asked(stack: Stack, dialogue: Path) -> None:
    job = transcribed(stack, dialogue, language="en", pipeline="speakers", diarize="false")
    assert job["speakers"] == []
    assert set(speakers_of_words(job)) == {None}
    assert "diarize" not in {task["stage"] for task in job["tasks"]}


def test_text_that_repeats_itself_is_told_with_its_times(stack: Stack, tmp_path: Path) -> None:
    """The same sentence six times, and noise in front, in which nothing is heard."""
    rng = np.random.default_rng(1)
    noise = (rng.normal(size=10 * RATE) * 1500).astype(np.int16)
    clip = np.concatenate([read_sound(SPEECH / "en_librivox_0880.wav"), silence(1)])
    path = write_wav(tmp_path / "again.wav", np.concatenate([noise, *[clip] * 6]))
    length = (len(noise) + 6 * len(clip)) / RATE

    # Other temperatures are tried over such text, and what they give is up to chance.
    kept = transcribed(stack, path, language="en", temperatures="0")
    assert kept["text"].lower().count("young man") == 6
    (told, *_) = (w for w in kept["metadata"]["warnings"] if w["code"] == "repeated_text")
    assert 10 < told["start"] < told["end"] <= length
    for segment in kept["segments"]:
        assert segment["start"] > 9
        assert 0 <= segment["no_speech_probability"] <= 1
        assert segment["compression_ratio"] > 0.5

    dropped = transcribed(stack, path, language="en", temperatures="0", drop_doubtful_text="true")
    assert dropped["text"].lower().count("young man") <= 1
    assert any("young man" in w.get("dropped", "") for w in dropped["metadata"]["warnings"])


def test_a_recording_in_two_languages(stack: Stack, tmp_path: Path) -> None:
    """A minute of English and then some German: one language, or that of each chunk."""
    english = read_sound(SPEECH / "en_2spk_samesex_mono.flac")
    german = read_sound(SPEECH / "de_aeneas_librivox.mp3")[: 20 * RATE]
    path = write_wav(tmp_path / "both.wav", np.concatenate([english, silence(3), german]))

    once = transcribed(stack, path)
    assert once["language"] == "en"
    assert "several_languages" not in codes(once)
    (told,) = (w for w in once["metadata"]["warnings"] if w["code"] == "other_language")
    assert "'de'" in told["message"]
    assert told["start"] > len(english) / RATE
    assert once["language_confidence"] > 0.5
    assert [task["stage"] for task in once["tasks"]].count("language") == 1

    each = transcribed(stack, path, language_detection="chunk")
    assert "several_languages" in codes(each)
    assert "other_language" not in codes(each)
    assert "Hans" in each["text"]
