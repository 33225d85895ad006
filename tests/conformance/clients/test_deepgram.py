"""Deepgram's own client against a server: what it asks for, how it reads answers and errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from deepgram.core.api_error import ApiError

from tests.support.stack import Stack
from tests.support.vendor_clients import RECORDING, vendor_clients

TEXT = "This is a stub transcript. The system works!"

# The vendors' own code uses what its libraries call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def media(stub_server: Stack) -> Iterator[Any]:
    with vendor_clients(stub_server.url) as clients:
        yield clients.deepgram


def test_the_whole_answer(media: Any, stub_server: Stack) -> None:
    answer = media.transcribe_file(
        request=RECORDING,
        model="nova-3",
        smart_format=True,
        punctuate=True,
        utterances=True,
        paragraphs=True,
        language="en-US",
        tag=["one", "two"],
        sentiment=False,
    )
    [channel] = answer.results.channels
    [best] = channel.alternatives
    assert best.transcript == TEXT
    # The stub times no words and is sure of nothing.
    assert best.words == []
    assert best.confidence is None
    [paragraph] = best.paragraphs.paragraphs
    assert [sentence.start for sentence in paragraph.sentences] == [0.0, 2.0]
    first, second = answer.results.utterances
    assert (first.start, first.end, first.transcript) == (0.0, 2.0, "This is a stub transcript.")
    assert second.channel == 0
    told = answer.metadata
    assert told.sha256 == hashlib.sha256(RECORDING).hexdigest()
    assert told.tags == ["one", "two"]
    assert told.models == ["stub-transcriber", "stub-merger"]
    assert stub_server.read(told.request_id)["text"] == TEXT


def test_a_body_that_comes_in_pieces(media: Any) -> None:
    answer = media.transcribe_file(request=iter([RECORDING[:5], RECORDING[5:]]))
    assert answer.metadata.sha256 == hashlib.sha256(RECORDING).hexdigest()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"redact": "pci"}, "unsupported_value"),
        ({"summarize": "v2"}, "unsupported_value"),
        ({"callback": "https://example.org/"}, "unsupported_value"),
        ({"encoding": "linear16"}, "unsupported_value"),
        ({"punctuate": False}, "unsupported_value"),
        ({"keywords": "Ada:2"}, "unsupported_value"),
        ({"keyterm": ["Ada", "Bob"]}, "unsupported_option"),
        ({"diarize": True}, "unsupported_option"),
        ({"multichannel": True}, "unsupported_option"),
        ({"language": "multi"}, "unsupported_option"),
        ({"language": "tlh"}, "unsupported_language"),
    ],
)
def test_what_the_engine_cannot_do_is_named(media: Any, asked: dict[str, Any], code: str) -> None:
    [name] = asked
    with pytest.raises(ApiError) as caught:
        media.transcribe_file(request=RECORDING, **asked)
    body = caught.value.body
    assert (caught.value.status_code, body["err_code"]) == (400, code)
    assert name in body["err_msg"]
    assert body["request_id"].startswith("req_")


def test_what_nobody_knows_is_refused(media: Any) -> None:
    for value in ("1", "false"):
        more = {"additional_query_parameters": {"nonsense": value}}
        with pytest.raises(ApiError) as caught:
            media.transcribe_file(request=RECORDING, request_options=more)
        assert caught.value.body["param"] == "nonsense"
    for model in ("enhanced", "nova-3-medical", "nova-99"):
        with pytest.raises(ApiError) as caught:
            media.transcribe_file(request=RECORDING, model=model)
        assert (caught.value.status_code, caught.value.body["err_code"]) == (404, "model_not_found")


def test_an_empty_body_is_refused(media: Any) -> None:
    with pytest.raises(ApiError) as caught:
        media.transcribe_file(request=b"")
    assert caught.value.body["err_code"] == "empty_file"
