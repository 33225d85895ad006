"""The official client of OpenAI against a server: each format, the stream, models, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.support.openai_client import RECORDING, openai_client
from tests.support.stack import TRANSCRIPTIONS, Stack

TEXT = "This is a stub transcript. The system works!"
SRT = (
    "1\n00:00:00,000 --> 00:00:02,000\nThis is a stub transcript.\n\n"
    "2\n00:00:02,000 --> 00:00:04,000\nThe system works!\n"
)
VTT = (
    "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nThis is a stub transcript.\n\n"
    "00:00:02.000 --> 00:00:04.000\nThe system works!\n"
)
NAMES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "stub",
)
JOB_ID = "x-dalston-job-id"

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


@pytest.fixture
def client(stub_server: Stack) -> Iterator[OpenAI]:
    with openai_client(stub_server) as client:
        yield client


def post(
    stack: Stack, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send a form without a client of OpenAI's."""
    return stack.client.post(
        TRANSCRIPTIONS, files={"file": RECORDING}, data=dict(fields), headers=headers
    )


def count(stack: Stack) -> int:
    return len(stack.client.get(TRANSCRIPTIONS, params={"limit": 100}).json()["jobs"])


@pytest.mark.parametrize("model", NAMES)
def test_each_name_answers_with_the_text(client: OpenAI, model: str) -> None:
    answer = client.audio.transcriptions.create(file=RECORDING, model=model)
    assert answer.text == TEXT
    assert answer.logprobs is None


@pytest.mark.parametrize(
    ("response_format", "expected"), [("text", f"{TEXT}\n"), ("srt", SRT), ("vtt", VTT)]
)
def test_text_formats_are_raw_bodies(client: OpenAI, response_format: Any, expected: str) -> None:
    answer = client.audio.transcriptions.create(
        file=RECORDING, model="whisper-1", response_format=response_format
    )
    assert answer == expected


def test_verbose_json_has_every_field_and_nothing_made_up(client: OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        file=RECORDING, model="whisper-1", response_format="verbose_json", temperature=0
    )
    assert answer.text == TEXT
    assert answer.words is None
    assert answer.to_dict()["task"] == "transcribe"
    first, second = answer.segments or []
    assert (first.id, first.seek, first.start, first.end) == (0, 0, 0.0, 2.0)
    assert (second.id, second.seek, second.text) == (1, 200, "The system works!")
    # The stub knows none of these.
    for segment in (first, second):
        told = segment.to_dict()
        assert told["tokens"] == []
        for name in ("avg_logprob", "compression_ratio", "no_speech_prob", "temperature"):
            assert told[name] is None


def test_a_stream_ends_with_the_whole_text(client: OpenAI) -> None:
    events = list(
        client.audio.transcriptions.create(file=RECORDING, model="gpt-4o-transcribe", stream=True)
    )
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == TEXT
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == TEXT


def test_a_stream_is_not_held_up_on_the_way(client: OpenAI) -> None:
    with client.audio.transcriptions.with_streaming_response.create(
        file=RECORDING, model="whisper-1", stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        lines = list(response.iter_lines())
    assert lines[0].startswith(":")
    assert [line for line in lines if line][-1] == "data: [DONE]"


def test_models_are_listed_and_read(client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert set(NAMES) <= set(listed)
    assert "default" in listed
    model = client.models.retrieve("whisper-1")
    assert model == listed["whisper-1"]
    assert (model.object, model.owned_by) == ("model", "stub-transcriber")
    assert model.created > 1_600_000_000
    slashed = client.models.retrieve("Systran/faster-whisper-large-v3")
    assert slashed.id == "Systran/faster-whisper-large-v3"
    assert slashed.owned_by == "faster-whisper"


def test_an_unknown_model_is_404_with_the_known_ones(stub_server: Stack, client: OpenAI) -> None:
    before = count(stub_server)
    for ask in (
        lambda: client.audio.transcriptions.create(file=RECORDING, model="nonsense"),
        lambda: client.models.retrieve("nonsense"),
        lambda: client.audio.transcriptions.create(file=RECORDING, model="/etc/passwd"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            ask()
        error = caught.value
        assert (error.code, error.param) == ("model_not_found", "model")
        assert error.type == "invalid_request_error"
        assert "whisper-1" in str(error)
        assert "GET /v1/models" in str(error)
    assert count(stub_server) == before


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"include": ["logprobs"]}, "include"),
        (
            {"response_format": "verbose_json", "timestamp_granularities": ["word"]},
            "timestamp_granularities",
        ),
        ({"response_format": "diarized_json", "chunking_strategy": "auto"}, "response_format"),
        (
            {"known_speaker_names": ["a"], "known_speaker_references": ["data:audio/wav;base64,"]},
            "known_speaker_names",
        ),
        (
            {"chunking_strategy": {"type": "server_vad", "threshold": 0.7}},
            "chunking_strategy[threshold]",
        ),
        ({"prompt": "Names"}, "prompt"),
        ({"temperature": 0.4}, "temperature"),
        ({"keywords": ["Ada"]}, "keywords"),
        ({"languages": ["en", "de"]}, "languages"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(
    client: OpenAI, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", **asked)
    error = caught.value
    assert (error.code, error.param) == ("unsupported_value", param)
    assert error.type == "invalid_request_error"
    assert "engine stub-transcriber" in str(error)
    assert "It can do response_format json" in str(error)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"response_format": "verbose_json", "timestamp_granularities": ["day"]}, None),
        ({"temperature": 2}, "temperature"),
        ({"include": ["everything"]}, "include"),
        ({"response_format": "srt", "stream": True}, "stream"),
        ({"chunking_strategy": "never"}, "chunking_strategy"),
        ({"chunking_strategy": {"type": "by_hand"}}, "chunking_strategy"),
        ({"extra_body": {"unheard_of": "1"}}, "unheard_of"),
    ],
)
def test_what_means_nothing_is_refused(
    client: OpenAI, asked: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", **asked)
    assert caught.value.code in ("invalid_parameter", "unknown_field")
    assert caught.value.param == (param or "timestamp_granularities")


@pytest.mark.parametrize(
    "asked",
    [
        {"chunking_strategy": "auto"},
        {"chunking_strategy": {"type": "server_vad"}},
        {"chunking_strategy": "server_vad"},
        {"language": "en", "temperature": 0},
        {"languages": ["de"]},
        {"language": "de-CH", "languages": ["de"]},
        {"response_format": "verbose_json", "timestamp_granularities": ["segment"]},
    ],
)
def test_what_asks_for_nothing_special_is_done(client: OpenAI, asked: dict[str, Any]) -> None:
    assert (
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", **asked).text == TEXT
    )


def test_an_engine_that_cannot_translate_says_so(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.translations.create(file=RECORDING, model="whisper-1")
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "model")


def test_errors_of_the_form_are_read_by_the_client(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=("empty.wav", b""), model="whisper-1")
    assert (caught.value.code, caught.value.param) == ("empty_file", "file")
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {"model": "whisper-1"}),
        ({}, {"model": "stub"}),
        ({}, {"response_format": "json"}),
        ({}, {"stream": "false"}),
        ({"X-Stainless-Lang": "js"}, {}),
    ],
)
def test_the_request_decides_for_the_transcript(
    stub_server: Stack, headers: dict[str, str], fields: dict[str, str]
) -> None:
    answer = post(stub_server, fields, headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == TEXT
    assert stub_server.read(answer.headers[JOB_ID])["status"] == "completed"


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {}),
        ({}, {"language": "en", "pipeline": "stub", "model": ""}),
        ({"Prefer": "respond-async"}, {"model": "whisper-1", "response_format": "srt"}),
        ({"Prefer": "wait=5, Respond-Async", "X-Stainless-Lang": "js"}, {}),
    ],
)
def test_the_request_decides_for_a_job(
    stub_server: Stack, headers: dict[str, str], fields: dict[str, str]
) -> None:
    answer = post(stub_server, fields, headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers.get("preference-applied") == ("respond-async" if headers else None)
    assert stub_server.ended(answer.json()["id"])["text"] == TEXT


def test_a_job_has_no_fields_of_an_answer(stub_server: Stack) -> None:
    for name in ("temperature", "include", "chunking_strategy"):
        answer = post(stub_server, {name: "0"})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "unknown_field"
    streamed = {"model": "whisper-1", "stream": "true"}
    answer = post(stub_server, streamed, {"Prefer": "respond-async"})
    assert answer.json()["error"]["code"] == "contradictory_options"


def test_lists_may_be_spelt_in_two_ways(stub_server: Stack) -> None:
    verbose = {"response_format": "verbose_json"}
    plain, bracketed = "timestamp_granularities", "timestamp_granularities[]"
    for name in (plain, bracketed):
        answer = post(stub_server, verbose | {name: "segment"})
        assert len(answer.json()["segments"]) == 2
    several = post(stub_server, {**verbose, bracketed: ["segment", "word"]})
    assert several.json()["error"]["code"] == "unsupported_value"
    both = post(stub_server, verbose | {plain: "segment", bracketed: "segment"})
    assert both.json()["error"]["code"] == "duplicate_field"


def test_a_pipeline_may_be_named_beside_a_model(stub_server: Stack) -> None:
    named = {"model": "whisper-1", "pipeline": "stub"}
    assert post(stub_server, named).status_code == 200
    wrong = post(stub_server, named | {"model": "tiny.en"}).json()["error"]
    assert (wrong["code"], wrong["param"]) == ("contradictory_options", "model")


def test_the_job_is_in_the_list_like_any_other(stub_server: Stack, client: OpenAI) -> None:
    answer = client.audio.transcriptions.with_raw_response.create(file=RECORDING, model="whisper-1")
    listed = stub_server.client.get(TRANSCRIPTIONS, params={"limit": 1}).json()["jobs"][0]
    assert listed["id"] == answer.headers[JOB_ID]
    assert listed["filename"] == RECORDING[0]
    assert listed["pipeline"] == "stub"


async def test_the_asynchronous_client_streams_too(stub_server: Stack) -> None:
    async with openai.AsyncOpenAI(base_url=f"{stub_server.url}/v1", api_key="none") as client:
        stream = await client.audio.transcriptions.create(
            file=RECORDING, model="whisper-1", stream=True
        )
        kinds = [event.type async for event in stream]
    assert kinds == ["transcript.text.delta", "transcript.text.done"]
