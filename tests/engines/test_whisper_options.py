"""What a request may ask of faster-whisper: translation, words to expect, temperatures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faster_whisper.transcribe import Segment, Word

from dalston.common.errors import ConfigurationError
from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from scripts.demo_recording import recording
from tests.engines.random_model import write_random_model
from tests.engines.sounds import ENGINES, tone, write_wav
from tests.support.recordings import SPEECH, needs_recordings

QUICK = {"beam_size": 1, "word_timestamps": False}


@pytest.fixture(scope="module")
def letters_whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUnderTest]:
    """A model to which each letter of English is a token; it takes 223 of them as hints."""
    folder = tmp_path_factory.mktemp("letters") / "model"
    write_random_model(folder)
    config = {"device": "cpu", "model": str(folder), "temperatures": [0.0]}
    with open_engine(ENGINES / "transcribe" / "faster-whisper", config=config) as engine:
        yield engine


@needs_recordings
def test_a_translation_is_english(whisper: EngineUnderTest) -> None:
    path = SPEECH / "de_pico_test_de.wav"
    data = whisper.process(path, config={**QUICK, "task": "translate"}).data
    assert data["language"] == "de"
    words = set(data["text"].lower().replace(".", " ").replace(",", " ").split())
    assert words & {"the", "and", "of", "is", "to"}
    assert not words & {"der", "die", "das", "und", "ist"}


def test_a_model_that_knows_only_english_does_not_translate(tmp_path: Path) -> None:
    write_random_model(tmp_path / "model")
    config = {"device": "cpu", "model": str(tmp_path / "model")}
    with open_engine(ENGINES / "transcribe" / "faster-whisper", config=config) as engine:
        audio = write_wav(tmp_path / "audio.wav", tone(0.5))
        with pytest.raises(TaskFailed) as failed:
            engine.process(audio, config={"task": "translate"})
    assert failed.value.code == "unsupported_task"


@needs_recordings
@pytest.mark.parametrize("option", ["hotwords", "prompt"])
def test_words_to_expect_are_heard_so(whisper: EngineUnderTest, option: str) -> None:
    """Without a hint the base model hears "Menace"."""
    path = SPEECH / "librispeech" / "2609-156975-0007.flac"
    config = {**QUICK, "language": "en", option: "Manasseh"}
    assert "Manasseh" in whisper.process(path, config=config).data["text"]


@needs_recordings
def test_segments_tell_how_sure_they_are(whisper: EngineUnderTest) -> None:
    data = whisper.process(SPEECH / "en_jfk.flac", config={"temperatures": [0.0]}).data
    assert data["segments"]
    for segment in data["segments"]:
        assert segment["confidence"] > 0.5
        assert 0 <= segment["no_speech_probability"] < 0.3
        assert 0.5 < segment["compression_ratio"] < 2.4


def test_a_mark_above_a_letter_is_no_word(letters_whisper: EngineUnderTest) -> None:
    """In Thai, Lao and Burmese each sign is a word to faster-whisper."""
    heard = ["วั", "นน", "ี้", "ไม", "่", "ได", "้", "ซื"]
    signs = zip(heard, (0.8, 0.6, 0.4, 0.9, 0.1, 0.5, 0.7, 0.3), strict=True)
    words = [Word(0.1 * n, 0.1 * n + 0.1, sign, sure) for n, (sign, sure) in enumerate(signs)]
    words.insert(0, Word(0.0, 0.0, " ", 0.9))
    figures = {"avg_logprob": -0.1, "no_speech_prob": 0.0, "compression_ratio": 1.0}
    piece = Segment(0, 0, 0.0, 0.8, "วันนี้ไม่ได้ซื", [], **figures, words=words, temperature=0.0)
    found = letters_whisper.engine._transcription.Segments(5.0)  # type: ignore[attr-defined]
    found.add(piece, 0.0, 5.0)
    told = [tuple(word.values()) for word in found.found[0]["words"]]
    assert told == [
        ("วั", 0.0, 0.1, 0.8),
        ("นนี้", 0.1, 0.3, 0.5),
        ("ไม่", 0.3, 0.5, 0.5),
        ("ได้", 0.5, 0.7, 0.6),
        ("ซื", 0.7, 0.8, 0.3),
    ]


@pytest.mark.parametrize(
    ("logarithm", "confidence"), [(float("nan"), 0.0), (0.1, 1.0), (-0.5, 0.6065), (-800.0, 0.0)]
)
def test_what_is_not_a_number_is_no_confidence(
    letters_whisper: EngineUnderTest, logarithm: float, confidence: float
) -> None:
    found = letters_whisper.engine._transcription.Segments(5.0)  # type: ignore[attr-defined]
    figures = {"avg_logprob": logarithm, "no_speech_prob": logarithm, "compression_ratio": 1.0}
    found.add(Segment(0, 0, 0.0, 1.0, "Hi.", [], **figures, words=None, temperature=0.0), 0.0, 5.0)
    (segment,) = found.found
    assert segment["confidence"] == confidence
    assert 0 <= segment["no_speech_probability"] <= 1


@needs_recordings
def test_the_language_is_found_out_without_transcribing(whisper: EngineUnderTest) -> None:
    data = whisper.process(SPEECH / "de_pico_test_de.wav", stage="language").data
    assert data["language"] == "de"
    assert data["language_confidence"] > 0.8
    assert "text" not in data


def test_silence_has_no_language(whisper: EngineUnderTest, tmp_path: Path) -> None:
    data = whisper.process(write_wav(tmp_path / "a.wav", tone(0.5)), stage="language").data
    assert "language" not in data


@needs_recordings
def test_what_was_found_out_for_the_recording_counts_for_a_chunk(
    whisper: EngineUnderTest,
) -> None:
    path = SPEECH / "es_pico_test_es.wav"
    previous = {"language": {"language": "it", "language_confidence": 0.9}}
    found = {
        detection: whisper.process(
            path, previous=previous, config={**QUICK, "language_detection": detection}
        ).data["language"]
        for detection in ("recording", "chunk")
    }
    assert found == {"recording": "it", "chunk": "es"}


@pytest.mark.parametrize(
    "wrong",
    [{"task": "summarise"}, {"temperatures": []}, {"temperatures": [2.0]}, {"hotwords": 3}],
)
def test_wishes_are_checked(
    whisper: EngineUnderTest, tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        whisper.process(write_wav(tmp_path / "a.wav", tone(0.1)), config=wrong)


@pytest.mark.parametrize(
    ("prompt", "hotwords", "kept", "told"),
    [
        (None, None, (None, None), []),
        ("z" * 100, "b" * 121, ("z" * 100, "b" * 121), []),
        (None, "Ada, " * 44 + "Zoe", (None, "Ada, " * 43 + "Ada"), ['hotwords ("Zoe")']),
        ("a" * 9 + "z" * 223, None, ("z" * 223, None), ['prompt ("aaaaaaaaa")']),
        ("a" * 9 + "z" * 214, "Ada, Zoe", ("z" * 214, "Ada, Zoe"), ['prompt ("aaaaaaaaa")']),
        ("z" * 99, "Ada, " * 24 + "Zoe", ("z" * 99, "Ada, " * 23 + "Ada"), ['hotwords ("Zoe")']),
        ("z" * 300, "Ada、" * 60, ("z" * 117, "Ada、" * 17 + "Ada"), ["hotwords", "prompt"]),
        ("z", "Ada " * 60, ("z", "Ada " * 54 + "Ada"), ["hotwords"]),
        ("z", "b" * 300, ("z", None), ["hotwords"]),
    ],
)
def test_hints_that_are_too_long_are_cut(
    letters_whisper: EngineUnderTest,
    prompt: str | None,
    hotwords: str | None,
    kept: tuple[str | None, str | None],
    told: list[str],
) -> None:
    """Hotwords lose whole terms, and the prompt its beginning; neither gets less than half."""
    model = letters_whisper.engine._model  # type: ignore[attr-defined]
    hints = {"prompt": prompt, "hotwords": hotwords}
    left, warnings = sys.modules["hints"].shortened(model, hints)
    if isinstance(left["prompt"], list):
        left["prompt"] = model.model.hf_tokenizer.decode(left["prompt"]).strip()
    assert (left["prompt"], left["hotwords"]) == kept
    assert [warning["code"] for warning in warnings] == ["prompt_shortened"] * bool(told)
    assert all(part in warnings[0]["message"] for part in told)


def test_the_longest_hints_leave_room_for_the_text(letters_whisper: EngineUnderTest) -> None:
    config = {"prompt": "Said before. " * 76, "hotwords": "Manasseh, " * 100}
    data = letters_whisper.process(recording(), config=config).data
    assert [warning["code"] for warning in data["warnings"]][:1] == ["prompt_shortened"]
    assert data["segments"]
