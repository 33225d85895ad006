"""Real speech for OpenAI's client: words, speakers, translation, and text that comes early."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.engines.sounds import write_wav
from tests.engines.speech_clips import RATE, read_sound
from tests.support.openai_client import openai_client
from tests.support.recordings import SPEECH, needs_recordings
from tests.support.stack import Stack, running_embedded

pytestmark = [
    needs_recordings,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]

ENGINES = ("audio-prepare", "faster-whisper", "ge2e-speakers", "transcript-merger")
SHORT = SPEECH / "en_librivox_0880.wav"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {"DALSTON_PIPELINE": "default", "DALSTON_MODEL": "base"}
    with running_embedded(*ENGINES, **settings) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[OpenAI]:
    with openai_client(stack) as client:
        yield client


def transcribed(client: OpenAI, audio: Path, **asked: Any) -> Any:
    """Return an answer; one hypothesis is enough, and quicker."""
    quick = {"beam_size": "1"}
    return client.audio.transcriptions.create(
        file=audio, extra_body=quick, **{"model": "whisper-1"} | asked
    )


def test_words_and_segments_as_whisper_1_has_them(client: OpenAI) -> None:
    answer = transcribed(
        client,
        SHORT,
        language="en",
        prompt="A story.",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.language == "english"
    assert 2 < answer.duration < 4
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == answer.duration
    assert "young man" in answer.text.lower()
    assert len(answer.words) >= 5
    assert all(0 <= word.start <= word.end <= answer.duration for word in answer.words)
    for segment in answer.segments:
        assert -2 < segment.avg_logprob <= 0
        assert 0 <= segment.no_speech_prob <= 1
        assert segment.compression_ratio > 0.3
        assert segment.seek == round(100 * segment.start)


def test_a_model_by_name_and_by_its_name_on_the_hub(client: OpenAI) -> None:
    present = {model.id for model in client.models.list()}
    assert {"base", "Systran/faster-whisper-base"} <= present
    assert "large-v3" not in present
    for name in ("base", "Systran/faster-whisper-base"):
        assert "young man" in transcribed(client, SHORT, model=name).text.lower()


def test_a_model_that_is_not_here_is_refused_once(client: OpenAI) -> None:
    with pytest.raises(openai.ConflictError) as caught:
        transcribed(client, SHORT, model="large-v3")
    assert caught.value.code == "model_missing"
    assert "dalston models pull large-v3" in str(caught.value)
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_who_speaks(client: OpenAI, tmp_path: Path) -> None:
    samples = read_sound(SPEECH / "en_2spk_dialog_mono.flac")[: round(18.6 * RATE)]
    audio = write_wav(tmp_path / "dialogue.wav", samples)
    asked: dict[str, Any] = {
        "model": "gpt-4o-transcribe-diarize",
        "response_format": "diarized_json",
        "chunking_strategy": "auto",
    }
    answer = transcribed(client, audio, **asked)
    assert answer.task == "transcribe"
    assert answer.duration == pytest.approx(18.6, abs=0.1)
    assert {segment.speaker for segment in answer.segments} == {"A", "B"}
    assert answer.segments[0].speaker == "A"
    ids = [segment.id for segment in answer.segments]
    assert len(set(ids)) == len(ids)

    events = list(transcribed(client, audio, stream=True, **asked))
    spoken = [event for event in events if event.type == "transcript.text.segment"]
    assert [event.text for event in spoken] == [segment.text for segment in answer.segments]
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == answer.text


def test_a_translation_is_english(client: OpenAI) -> None:
    answer = client.audio.translations.create(
        file=SPEECH / "de_pico_test_de.wav",
        model="whisper-1",
        response_format="verbose_json",
        extra_body={"beam_size": "1"},
    )
    assert answer.language == "english"
    assert answer.to_dict()["task"] == "translate"
    words = set(answer.text.lower().split())
    assert words & {"the", "and", "is", "a", "to"}
    assert not words & {"und", "der", "die", "ist"}


def test_text_of_a_long_recording_comes_in_pieces_that_make_it_up(client: OpenAI) -> None:
    *deltas, done = transcribed(client, SPEECH / "en_long_10spk_100s.flac", stream=True)
    assert len(deltas) > 1
    assert "".join(event.delta for event in deltas) == done.text
