"""Speech in another language than the one that is written: what comes of it is doubtful."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import write_wav
from tests.engines.speech_clips import RATE, read_sound, silence
from tests.support.recordings import SPEECH, needs_recordings

ENGLISH, SPANISH = SPEECH / "en_ls_1688-142285-0006.flac", SPEECH / "es_pico_test_es.wav"
_SPOKEN_FROM = round(1.2 * RATE)
"""Where somebody speaks for some seconds in the Spanish recording."""
QUICK = {"beam_size": 1, "temperatures": [0.0]}


def told(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in data["warnings"] if one["code"] == "other_language"]


@needs_recordings
@pytest.mark.parametrize(("path", "named"), [(SPANISH, "en"), (ENGLISH, "de")])
def test_a_language_that_is_named_wrongly_is_told(
    whisper: EngineUnderTest, path: Path, named: str
) -> None:
    """The base model translates the Spanish sentence into fluent English, unasked."""
    data = whisper.process(path, config={**QUICK, "language": named}).data
    (warning,) = told(data)
    spoken = path.name[:2]
    assert f"'{spoken}'" in warning["message"]
    assert f"'{named}'" in warning["message"]
    assert warning["start"] == data["segments"][0]["start"]
    assert warning["end"] == data["segments"][-1]["end"]
    assert all("other_language" not in segment for segment in data["segments"])


@needs_recordings
@pytest.mark.parametrize("path", [SPANISH, ENGLISH])
def test_what_is_said_in_the_language_that_is_written_is_not_told(
    whisper: EngineUnderTest, path: Path
) -> None:
    for language in (None, path.name[:2]):
        assert told(whisper.process(path, config={**QUICK, "language": language}).data) == []


@needs_recordings
def test_a_translation_may_be_of_any_language(whisper: EngineUnderTest) -> None:
    config = {**QUICK, "language": "en", "task": "translate"}
    assert told(whisper.process(SPANISH, config=config).data) == []


@needs_recordings
def test_a_later_part_in_another_language_is_told(whisper: EngineUnderTest, tmp_path: Path) -> None:
    english, spanish = read_sound(ENGLISH), read_sound(SPANISH)
    parts = [english, silence(1), english, silence(1), english, silence(1), spanish, spanish]
    path = write_wav(tmp_path / "both.wav", np.concatenate(parts))
    data = whisper.process(path, config=QUICK).data
    assert data["language"] == "en"
    (warning,) = told(data)
    assert "'es'" in warning["message"]
    begins = sum(map(len, parts[:-2])) / 16_000
    assert 0 <= warning["start"] - begins < 2
    assert warning["end"] == data["segments"][-1]["end"]


@pytest.mark.parametrize(
    ("heard", "language", "other"),
    [
        ({}, "en", None),
        ({"es": 0.97, "en": 0.01}, None, None),
        ({"es": 0.97, "en": 0.01}, "en", "es"),
        ({"es": 0.97, "en": 0.01}, "es", None),
        ({"de": 0.7, "es": 0.25, "en": 0.01}, "en", "de"),
        ({"en": 0.6, "es": 0.4}, "es", None),
        ({"nn": 0.3, "cy": 0.2, "en": 0.01}, "en", None),
        ({"nn": 0.9, "no": 0.01}, "no", None),
        ({"nn": 0.9, "no": 0.01}, "en", "nn"),
    ],
)
def test_only_what_is_sure_is_told(
    whisper: EngineUnderTest, heard: dict[str, float], language: str | None, other: str | None
) -> None:
    assert whisper.spec.id == "faster-whisper"
    kind = sys.modules["other_languages"].ListeningModel
    model = kind.__new__(kind)
    model.heard = heard
    assert model.other_language(language) == other


def test_neighbours_in_one_language_are_one_warning(whisper: EngineUnderTest) -> None:
    assert whisper.spec.id == "faster-whisper"
    others = ("es", "es", None, "es", "de")
    found = [
        {"start": float(number), "end": number + 0.5, "other_language": other}
        for number, other in enumerate(others)
    ]
    plain, warnings = sys.modules["other_languages"].without_language(found, "en")
    assert plain == [{"start": float(number), "end": number + 0.5} for number in range(5)]
    assert [(one["start"], one["end"]) for one in warnings] == [(0, 1.5), (3, 3.5), (4, 4.5)]


def guessed(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in data["warnings"] if one["code"] == "language_guessed"]


def short_clip(folder: Path, seconds: float) -> Path:
    """Write the first words of the Spanish recording, between two silences."""
    clip = read_sound(SPANISH)[_SPOKEN_FROM : _SPOKEN_FROM + int(seconds * RATE)]
    return write_wav(folder / "clip.wav", np.concatenate([silence(1), clip, silence(1)]))


@needs_recordings
@pytest.mark.parametrize("stage", ["language", "transcribe"])
def test_a_language_of_a_word_or_two_is_told_to_be_a_guess(
    whisper: EngineUnderTest, tmp_path: Path, stage: str
) -> None:
    data = whisper.process(short_clip(tmp_path, 0.6), config=QUICK, stage=stage).data
    (warning,) = guessed(data)
    assert f"'{data['language']}'" in warning["message"]
    if stage == "language":
        # It is that of the whole recording, whatever part was listened to.
        assert "start" not in warning
    else:
        assert 0 < warning["start"] <= 1
        assert 1 < warning["end"] <= 2.6


@needs_recordings
@pytest.mark.parametrize("stage", ["language", "transcribe"])
def test_a_language_of_a_sentence_is_none(whisper: EngineUnderTest, stage: str) -> None:
    assert guessed(whisper.process(SPANISH, config=QUICK, stage=stage).data) == []


@needs_recordings
def test_a_language_that_is_named_or_was_found_out_before_is_none(
    whisper: EngineUnderTest, tmp_path: Path
) -> None:
    path = short_clip(tmp_path, 0.6)
    found = {"language": {"language": "es", "language_confidence": 0.9}}
    assert guessed(whisper.process(path, config=QUICK, previous=found).data) == []
    assert guessed(whisper.process(path, config={**QUICK, "language": "es"}).data) == []


def test_an_improbable_language_is_a_guess_however_long_somebody_speaks(
    whisper: EngineUnderTest,
) -> None:
    is_guessed = sys.modules["guessed_language"].is_guessed
    minute = np.zeros(60 * RATE, np.float32)
    spans = [{"start": 0, "end": len(minute)}]
    assert whisper.spec.id == "faster-whisper"
    assert is_guessed(minute, spans, 0.49)
    assert not is_guessed(minute, spans, 0.5)
    assert not is_guessed(minute, spans, None)
