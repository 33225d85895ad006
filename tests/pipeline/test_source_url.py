"""A recording that is named by its address, from there to its transcript, on every deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import STUBS
from tests.engines.sounds import noise, tone
from tests.support.deployment import Deployment
from tests.support.recordings import SPEECH, needs_recordings
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until
from tests.support.web import Web, web_server

pytestmark = pytest.mark.timeout(300)

LISTENING = ("audio-prepare", "faster-whisper", "transcript-merger")
MAX_UPLOAD_BYTES = 4_000_000
SECRET = "signature=verysecret"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture(scope="module")
def stack(shared_deployment: Deployment) -> Iterator[Stack]:
    settings = {
        "DALSTON_PIPELINE": "stub",
        "DALSTON_MODEL": "base",
        "DALSTON_FETCH_PRIVATE_ADDRESSES": "true",
        "DALSTON_MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
        "DALSTON_FETCH_SECONDS": "20",
    }
    with running(shared_deployment, "url-fetch", *STUBS, *LISTENING, **settings) as stack:
        yield stack


def submit(stack: Stack, url: str, key: str | None = None, **fields: str) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    form = {name: (None, value) for name, value in ({"source_url": url} | fields).items()}
    return stack.client.post(TRANSCRIPTIONS, files=form, headers=headers)


def done(stack: Stack, url: str, **fields: str) -> dict[str, Any]:
    answer = submit(stack, url, **fields)
    assert answer.status_code == 202, answer.text
    return stack.ended(answer.json()["id"], 120)


def objects(stack: Stack, job_id: str) -> list[str]:
    return asyncio.run(stack.deployment.store().list(f"jobs/{job_id}"))


def stages(job: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(task["stage"], task["status"], task["attempt"]) for task in job["tasks"]]


@needs_recordings
def test_speech_at_an_address_becomes_its_text(stack: Stack, web: Web) -> None:
    web.files["/jfk.flac"] = (SPEECH / "en_jfk.flac").read_bytes()
    address = f"{web.url}/to?place=/jfk.flac&{SECRET}"

    job = done(stack, address, pipeline="default", beam_size="1", language="en")

    assert job["status"] == "completed", job
    assert "ask not what your country can do for you" in job["text"].lower()
    assert job["duration"] == pytest.approx(11.0, abs=0.1)
    assert stages(job)[:2] == [("fetch", "completed", 1), ("prepare", "completed", 1)]
    assert SECRET not in str(stack.read(job["id"], include="history"))
    sound = stack.client.get(f"{TRANSCRIPTIONS}/{job['id']}/audio")
    assert sound.content == web.files["/jfk.flac"]
    # It is deleted as an upload is, with where it came from.
    assert stack.client.delete(f"{TRANSCRIPTIONS}/{job['id']}").status_code == 204
    assert objects(stack, job["id"]) == []


def test_a_job_is_named_by_the_end_of_its_address_and_shows_nothing_else_of_it(
    stack: Stack, web: Web
) -> None:
    web.files["/private/talk%2B1.mp3"] = noise(100)

    job = done(stack, f"{web.url}/private/talk%2B1.mp3?{SECRET}#here")

    assert job["status"] == "completed"
    assert job["filename"] == "talk+1.mp3"
    assert stages(job) == [
        ("fetch", "completed", 1),
        ("transcribe", "completed", 1),
        ("merge", "completed", 1),
    ]
    shown = stack.read(job["id"], include="history")
    assert "private" not in str(shown)
    assert "verysecret" not in str(shown)
    for role in stack.roles:
        assert "verysecret" not in role.log.read_text()


def test_openais_clients_may_name_an_address_too(stack: Stack, web: Web) -> None:
    web.files["/talk.mp3"] = noise(100)

    answer = submit(stack, f"{web.url}/talk.mp3", response_format="text", pipeline="stub")

    assert answer.status_code == 200, answer.text
    assert answer.text.strip() == "This is a stub transcript. The system works!"
    refused = submit(stack, f"{web.url}/missing.mp3", response_format="text", pipeline="stub")
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["code"] == "fetch_failed"


def test_the_same_key_with_the_same_address_is_the_same_job(stack: Stack, web: Web) -> None:
    web.files["/talk.mp3"] = noise(100)

    first = submit(stack, f"{web.url}/talk.mp3", key="one-talk")
    again = submit(stack, f"{web.url}/talk.mp3", key="one-talk")
    other = submit(stack, f"{web.url}/other.mp3", key="one-talk")

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_what_may_be_over_soon_is_tried_again(stack: Stack, web: Web) -> None:
    web.files["/later.mp3"] = noise(100)
    web.refusals["/later.mp3"] = (503, 1)

    job = done(stack, f"{web.url}/later.mp3")

    assert job["status"] == "completed"
    assert stages(job)[0] == ("fetch", "completed", 2)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/missing.mp3", "fetch_failed"),
        ("/endless", "fetch_too_large"),
        ("/to?place=http://169.254.169.254/latest", "forbidden_address"),
    ],
)
def test_what_will_not_change_fails_at_once_and_leaves_nothing_of_a_body(
    stack: Stack, web: Web, path: str, code: str
) -> None:
    job = done(stack, f"{web.url}{path}")

    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert stages(job)[0] == ("fetch", "failed", 1)
    assert {status for _, status, _ in stages(job)[1:]} == {"cancelled"}
    sound = stack.client.get(f"{TRANSCRIPTIONS}/{job['id']}/audio")
    assert (sound.status_code, sound.json()["error"]["code"]) == (409, "recording_not_fetched")
    left = objects(stack, job["id"])
    assert all(name.endswith((".json", "/source.url")) for name in left), left


def test_retention_takes_along_what_was_fetched_and_from_where(stack: Stack, web: Web) -> None:
    web.files["/talk.mp3"] = noise(100)
    job = done(stack, f"{web.url}/talk.mp3", retention="delete_audio", retention_days="0")

    def kept() -> set[str]:
        return {path.rpartition("/")[2] for path in objects(stack, job["id"])}

    # The copy of a short transcript follows its job's end.
    until(lambda: "transcript.json" in kept(), "the transcript to be put", 20)
    assert kept() == {"source.url", "recording", "output.json", "transcript.json"}

    assert stack.start("housekeeping").ended() == 0

    assert kept() == {"output.json", "transcript.json"}
    sound = stack.client.get(f"{TRANSCRIPTIONS}/{job['id']}/audio")
    assert sound.status_code == 410
    again = stack.client.post(f"{TRANSCRIPTIONS}/{job['id']}/rerun", json={"from_stage": "fetch"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "objects_gone")


def test_43_a_bomb_stays_packed_and_is_no_recording(stack: Stack, web: Web) -> None:
    job = done(stack, f"{web.url}/bomb", pipeline="default")

    assert (job["status"], job["error"]["code"]) == ("failed", "unsupported_media")


def test_a_job_that_failed_goes_on_and_can_be_done_again(stack: Stack, web: Web) -> None:
    web.files.pop("/not-yet.mp3", None)
    job = done(stack, f"{web.url}/not-yet.mp3")
    assert job["status"] == "failed"
    web.files["/not-yet.mp3"] = tone(0.1).tobytes()
    address = f"{TRANSCRIPTIONS}/{job['id']}"

    assert stack.client.post(f"{address}/retry").status_code == 202
    assert stack.ended(job["id"])["status"] == "completed"
    web.asked.clear()
    again = stack.client.post(f"{address}/rerun", json={"from_stage": "transcribe"})
    assert again.status_code == 202, again.text
    assert stack.ended(job["id"])["status"] == "completed"
    assert web.asked == [], "what was fetched is kept"
    # Its beginning is the fetching itself.
    again = stack.client.post(f"{address}/rerun", json={"from_stage": "fetch"})
    assert again.status_code == 202, again.text
    assert stack.ended(job["id"])["version"] == 3
    assert web.paths() == ["/not-yet.mp3"]


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_a_job_that_nobody_can_fetch_for_is_refused(deployment: Deployment) -> None:
    settings = {"DALSTON_PIPELINE": "stub", "DALSTON_ENGINE_MEMORY_MB": "10"}
    with running(deployment, "url-fetch", **settings) as stack:

        def has_failed() -> bool:
            engines = stack.client.get("/health/ready").json()["engines"]
            return bool(engines["url-fetch"]["state"] == "failed")

        until(has_failed, "the engine to say that it lacks memory")
        answer = submit(stack, "https://example.org/talk.mp3")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "engine_not_usable")
        assert stack.submit(b"an upload needs nobody to fetch it")
