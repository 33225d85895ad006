"""OpenAI's clients, the newest and the oldest, over engines that really listen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.clients.conftest import SECONDS, AskOldest
from tests.support.deployment import Deployment
from tests.support.openai_client import openai_client
from tests.support.stack import Stack, running

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]
ENGINES = ("audio-prepare", "faster-whisper", "transcript-merger")
HEARD = "it was the best of times"
QUICK = {"beam_size": "1"}


@pytest.fixture(scope="module")
def server(shared_deployment: Deployment) -> Iterator[Stack]:
    settings = {"DALSTON_PIPELINE": "default", "DALSTON_MODEL": "base"}
    with running(shared_deployment, *ENGINES, **settings) as stack:
        yield stack


@pytest.fixture
def client(server: Stack) -> Iterator[OpenAI]:
    with openai_client(server) as client:
        yield client


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt"])
def test_each_format_has_what_is_said(client: OpenAI, opening: Path, response_format: Any) -> None:
    answer: Any = client.audio.transcriptions.create(
        file=opening, model="whisper-1", response_format=response_format, extra_body=QUICK
    )
    text = answer.text if response_format == "json" else answer
    assert HEARD in " ".join(text.lower().replace(",", "").split())
    assert ("-->" in text) is (response_format in {"srt", "vtt"})


def test_words_have_times(client: OpenAI, opening: Path) -> None:
    answer = client.audio.transcriptions.create(
        file=opening,
        model="base",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        extra_body=QUICK,
    )
    assert answer.language == "english"
    assert answer.duration == pytest.approx(SECONDS, abs=0.1)
    assert [word.word.lower().strip(" ,") for word in answer.words or []][:4] == HEARD.split()[:4]
    assert answer.segments
    assert -2 < answer.segments[0].avg_logprob <= 0


def test_a_stream_makes_up_the_text(client: OpenAI, opening: Path) -> None:
    *deltas, done = client.audio.transcriptions.create(
        file=opening, model="whisper-1", stream=True, extra_body=QUICK
    )
    assert done.type == "transcript.text.done"
    assert HEARD in done.text.lower()
    pieces = [event.delta for event in deltas if event.type == "transcript.text.delta"]
    assert "".join(pieces) == done.text


def test_what_is_no_recording_is_the_requests_fault(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(file=("a.wav", b"no sound at all"), model="whisper-1")
    assert refused.value.code == "unsupported_media"
    with pytest.raises(openai.ConflictError) as missing:
        client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="large-v3")
    assert (missing.value.code, missing.value.param) == ("model_missing", "model")
    assert "You asked for the model 'large-v3'" in missing.value.message


def test_the_oldest_client_hears_the_same(
    server: Stack, ask_oldest: AskOldest, opening: Path
) -> None:
    ask_oldest(server.url, opening, HEARD)
