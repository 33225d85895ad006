"""ElevenLabs' own client against a server: what it asks for, how it reads answers and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError

from tests.support.stack import TRANSCRIPTIONS, Stack
from tests.support.vendor_clients import RECORDING, vendor_clients

TEXT = "This is a stub transcript. The system works!"
FILE = ("talk.wav", RECORDING)

# The vendors' own code uses what its libraries call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def client(stub_server: Stack) -> Iterator[ElevenLabs]:
    with vendor_clients(stub_server.url) as clients:
        yield clients.elevenlabs


def refused(client: ElevenLabs, **asked: Any) -> tuple[int, dict[str, Any]]:
    """Return status and details of an error."""
    with pytest.raises(ApiError) as caught:
        client.speech_to_text.convert(**{"model_id": "scribe_v1", "file": FILE} | asked)
    assert caught.value.status_code is not None
    return caught.value.status_code, caught.value.body["detail"]


@pytest.mark.parametrize("model", ["scribe_v1", "scribe_v2", "stub", "whisper-1"])
def test_each_model_answers_with_the_text(client: ElevenLabs, model: str) -> None:
    answer: Any = client.speech_to_text.convert(file=FILE, model_id=model)
    assert answer.text == TEXT
    # The stub times no words, and knows neither the language nor the length.
    assert answer.words == []
    assert answer.language_probability is None
    assert answer.audio_duration_secs is None


def test_what_asks_for_nothing_is_no_hindrance(client: ElevenLabs) -> None:
    answer: Any = client.speech_to_text.convert(
        file=FILE,
        model_id="scribe_v1",
        language_code="eng",
        tag_audio_events=False,
        diarize=False,
        num_speakers=3,
        timestamps_granularity="none",
        file_format="other",
        webhook=False,
        enable_logging=True,
    )
    assert answer.text == TEXT


def test_additional_formats(client: ElevenLabs) -> None:
    wanted: Any = [{"format": "srt", "max_characters_per_line": 30}, {"format": "txt"}]
    answer: Any = client.speech_to_text.convert(
        file=FILE, model_id="scribe_v1", additional_formats=wanted
    )
    srt, txt = answer.additional_formats
    assert srt.content.startswith("1\n00:00:00,000 --> 00:00:02,000\nThis is a stub transcript.\n")
    assert (txt.requested_format, txt.content) == ("txt", f"{TEXT}\n")


def test_a_transcript_is_read_and_deleted(client: ElevenLabs, stub_server: Stack) -> None:
    made: Any = client.speech_to_text.convert(file=FILE, model_id="scribe_v1")
    name = made.transcription_id
    transcripts = client.speech_to_text.transcripts
    assert transcripts.get(transcription_id=name) == made
    assert stub_server.read(name)["filename"] == "talk.wav"
    transcripts.delete(transcription_id=name)
    with pytest.raises(ApiError) as caught:
        transcripts.get(transcription_id=name)
    assert caught.value.status_code == 404
    assert stub_server.client.get(f"{TRANSCRIPTIONS}/{name}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"tag_audio_events": True}, "unsupported_value"),
        ({"seed": 7}, "unsupported_value"),
        ({"webhook": True}, "unsupported_value"),
        ({"entity_detection": "all"}, "unsupported_value"),
        ({"no_verbatim": True}, "unsupported_value"),
        ({"file_format": "pcm_s16le_16"}, "unsupported_value"),
        ({"timestamps_granularity": "character"}, "unsupported_value"),
        ({"timestamps_granularity": "word"}, "unsupported_value"),
        ({"additional_formats": [{"format": "pdf"}]}, "unsupported_value"),
        ({"additional_formats": [{"format": "srt"}] * 9}, "invalid_parameter"),
        ({"keyterms": ["Ada", "Bob"]}, "unsupported_option"),
        ({"diarize": True}, "unsupported_option"),
        ({"language_code": "tlh"}, "unsupported_language"),
        ({"temperature": 1.5}, "invalid_parameter"),
        ({"enable_logging": False}, "unsupported_value"),
    ],
)
def test_what_the_engine_cannot_do_is_named(
    client: ElevenLabs, asked: dict[str, Any], code: str
) -> None:
    [name] = asked
    status, detail = refused(client, **asked)
    assert (status, detail["code"], detail["param"]) == (400, code, name)
    assert name in detail["message"]


def test_an_unknown_model_is_refused_with_those_that_there_are(client: ElevenLabs) -> None:
    status, detail = refused(client, model_id="scribe_v99")
    assert (status, detail["code"], detail["param"]) == (404, "model_not_found", "model_id")
    assert "stub" in detail["message"]


def test_a_key_in_the_address_is_refused(client: ElevenLabs) -> None:
    status, detail = refused(client, token="dk_never_here")
    assert (status, detail["code"], detail["param"]) == (400, "invalid_parameter", "token")
    assert "dk_never_here" not in str(detail)
