"""A recording at an address, as each vendor's client names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.stack import Stack, running
from tests.support.vendor_clients import VendorClients, vendor_clients
from tests.support.web import Web, web_server

# The vendors' own code uses what its libraries call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXT = "This is a stub transcript. The system works!"
RECORDING = b"any bytes will do for a stub"


@pytest.fixture(scope="module")
def stack(shared_deployment: Deployment) -> Iterator[Stack]:
    settings = {"DALSTON_PIPELINE": "stub", "DALSTON_FETCH_PRIVATE_ADDRESSES": "true"}
    with running(shared_deployment, "url-fetch", *STUBS, **settings) as stack:
        yield stack


@pytest.fixture
def clients(stack: Stack) -> Iterator[VendorClients]:
    with vendor_clients(stack.url) as clients:
        yield clients


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        web.files["/talk.wav"] = RECORDING
        yield web


def test_each_client_names_an_address(clients: VendorClients, web: Web) -> None:
    url = f"{web.url}/talk.wav"
    said: Any = clients.elevenlabs.speech_to_text.convert(model_id="scribe_v1", source_url=url)
    assert said.text == TEXT
    heard = clients.deepgram.transcribe_url(url=url, model="nova-3", tag="one")
    assert heard.results.channels[0].alternatives[0].transcript == TEXT
    assert heard.metadata.tags == ["one"]
    found = clients.assemblyai.transcribe(url)
    assert found.text == TEXT
    assert web.paths() == 3 * ["/talk.wav"]
    # A fetched recording can be transcribed once more, and isn't fetched again.
    assert clients.assemblyai.transcribe(found.audio_url).text == TEXT
    assert len(web.paths()) == 3


def test_deepgram_s_json_is_known_however_its_type_is_written(stack: Stack, web: Web) -> None:
    heard = stack.client.post(
        "/v1/listen",
        content=json.dumps({"url": f"{web.url}/talk.wav"}),
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert heard.json()["results"]["channels"][0]["alternatives"][0]["transcript"] == TEXT
    assert web.paths() == ["/talk.wav"]


def test_a_recording_comes_in_one_way(stack: Stack, web: Web) -> None:
    url = f"{web.url}/talk.wav"
    both = stack.client.post(
        "/v1/speech-to-text", data={"source_url": url}, files={"file": ("a.wav", RECORDING)}
    )
    assert (both.status_code, both.json()["detail"]["param"]) == (400, "source_url")
    neither = stack.client.post("/v1/speech-to-text", files={"model_id": (None, "scribe_v1")})
    assert (neither.status_code, neither.json()["detail"]["code"]) == (400, "missing_file")
    both = stack.client.post("/v1/listen", params={"url": url}, content=RECORDING)
    assert (both.status_code, both.json()["param"]) == (400, "url")
    assert web.paths() == []


def test_what_cannot_be_fetched_is_told_as_the_vendor_tells_it(
    clients: VendorClients, stack: Stack, web: Web
) -> None:
    missing = stack.client.post("/v1/listen", json={"url": f"{web.url}/nothing"})
    assert (missing.status_code, missing.json()["err_code"]) == (400, "fetch_failed")
    for path, body in (("/v1/listen", {"url": "ftp://x/"}), ("/v2/transcript", {"audio_url": "x"})):
        refused = stack.client.post(path, json=body)
        assert refused.status_code == 400
        assert refused.json()["param"] == next(iter(body))
    failed = clients.assemblyai.transcribe(f"{web.url}/nothing")
    assert "fetch_failed" in (failed.error or "")
