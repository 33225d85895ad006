"""What is the same in each vendor's manner: whose a job is, and that nothing is done twice."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from assemblyai import TranscriptError
from deepgram.core.api_error import ApiError as DeepgramError
from elevenlabs.core.api_error import ApiError as ElevenLabsError

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.db.session import Database
from dalston.orchestrator.housekeeping import Housekeeping, Tidied
from dalston.orchestrator.parts import Parts, Policy
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.gate import ENGINES, Gate
from tests.support.keys import limit, make_key
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.vendor_clients import RECORDING, vendor_clients

SHAPES = {
    ("POST", "/v1/speech-to-text"): {"detail"},
    ("GET", "/v1/speech-to-text/transcripts/job_000000000000"): {"detail"},
    ("DELETE", "/v1/speech-to-text/transcripts/job_000000000000"): {"detail"},
    ("POST", "/v1/listen"): {"err_code", "err_msg", "param", "request_id"},
    ("POST", "/v2/upload"): {"error", "code", "param", "request_id"},
    ("GET", "/v2/transcript/job_000000000000"): {"error", "code", "param", "request_id"},
}
"""The fields of an error on some paths."""

# The vendors' own code uses what its libraries call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def jobs(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client.get(TRANSCRIPTIONS).json()["jobs"]
    return found


def test_past_the_deadline_the_job_goes_on_and_nothing_is_sent_again(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    wait = {"DALSTON_WAIT_BASE_SECONDS": "0.2", "DALSTON_WAIT_SECONDS_PER_AUDIO_SECOND": "0"}
    with (
        running(deployment, *ENGINES, **gate.settings(), **wait) as stack,
        vendor_clients(stack.url) as clients,
    ):
        with pytest.raises(ElevenLabsError) as first:
            clients.elevenlabs.speech_to_text.convert(model_id="scribe_v1", file=("a.wav", b"one"))
        with pytest.raises(DeepgramError) as second:
            clients.deepgram.transcribe_file(request=b"two")
        assert first.value.status_code == second.value.status_code == 424
        assert first.value.body["detail"]["code"] == "job_still_running"
        assert second.value.body["err_code"] == "job_still_running"
        assert "respond-async" not in second.value.body["err_msg"]
        made = {first.value.body["detail"]["transcription_id"], second.value.body["job_id"]}
        # Both clients send again after 504, and would have made six.
        assert {job["id"] for job in jobs(stack)} == made
        for job_id in made:
            path = f"/v1/speech-to-text/transcripts/{job_id}"
            assert stack.client.get(path).status_code == 404
            shown = stack.client.get(f"/v2/transcript/{job_id}").json()
            assert shown["status"] in ("queued", "processing")
        gate.open()
        for job_id in made:
            assert stack.ended(job_id)["text"] == "Through."


def test_each_vendors_key_is_the_servers_key(deployment: Deployment) -> None:
    with running(deployment, *STUBS, DALSTON_PIPELINE="stub") as stack:
        ada, bob = make_key(deployment, "ada"), make_key(deployment, "bob")
        with vendor_clients(stack.url, ada) as own, vendor_clients(stack.url, bob) as others:
            said: Any = own.elevenlabs.speech_to_text.convert(
                model_id="scribe_v1", file=("a.wav", RECORDING)
            )
            heard = own.deepgram.transcribe_file(request=RECORDING)
            listed = {one.id for one in own.assemblyai.list_transcripts().transcripts}
            assert listed == {said.transcription_id, heard.metadata.request_id}

            assert others.assemblyai.list_transcripts().transcripts == []
            with pytest.raises(ElevenLabsError) as refused:
                others.elevenlabs.speech_to_text.transcripts.get(
                    transcription_id=said.transcription_id
                )
            assert refused.value.status_code == 404
            upload = own.assemblyai.upload_file(io.BytesIO(RECORDING))
            for address in (upload, f"{stack.url}/v2/upload/{said.transcription_id}"):
                with pytest.raises(TranscriptError, match="no recording at this address"):
                    others.assemblyai.transcribe(address)
                assert own.assemblyai.transcribe(address).text

        with vendor_clients(stack.url, "dk_wrong") as strangers:
            with pytest.raises(ElevenLabsError) as refused:
                strangers.elevenlabs.speech_to_text.convert(
                    model_id="scribe_v1", file=("a.wav", RECORDING)
                )
            assert refused.value.body["detail"]["code"] == "invalid_api_key"
            with pytest.raises(DeepgramError) as heard_nothing:
                strangers.deepgram.transcribe_file(request=RECORDING)
            assert heard_nothing.value.body["err_code"] == "invalid_api_key"
            with pytest.raises(TranscriptError) as failed:
                strangers.assemblyai.upload_file(RECORDING)
            assert failed.value.status_code == 401

        # One vendor's way of showing a key isn't another's, and two keys are none.
        for headers in ({"xi-api-key": ada}, {"Authorization": f"Token {ada}"}):
            assert stack.client.get(TRANSCRIPTIONS, headers=headers).status_code == 401
        both = {"xi-api-key": ada, "Authorization": f"Bearer {bob}"}
        for (method, path), fields in SHAPES.items():
            nobody = stack.client.request(method, path)
            assert nobody.status_code == 401, path
            assert set(nobody.json()) == fields
            if "speech-to-text" in path:
                assert stack.client.request(method, path, headers=both).status_code == 401


def test_a_name_makes_one_job_of_several_submissions(stub_server: Stack) -> None:
    def heard(data: bytes) -> httpx.Response:
        name = {"Idempotency-Key": "one-recording"}
        return stub_server.client.post("/v1/listen", content=data, headers=name)

    first, second = heard(b"some"), heard(b"some")
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = heard(b"other")
    assert (other.status_code, other.json()["err_code"]) == (422, "idempotency_key_reused")


def test_a_limit_is_told_as_the_vendor_tells_it(deployment: Deployment) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        key = make_key(deployment, "ada")
        limit(deployment, "ada", upload_bytes=4)
        stack.gateway()
        answers = [
            httpx.post(f"{stack.url}{path}", content=b"12345", headers=headers, trust_env=False)
            for path, headers in (
                ("/v1/listen", {"Authorization": f"Token {key}"}),
                ("/v2/upload", {"Authorization": key}),
            )
        ]
        assert [answer.status_code for answer in answers] == [413, 413]
        assert answers[0].json()["err_code"] == answers[1].json()["code"] == "file_too_large"


def test_an_upload_that_no_transcript_is_made_of_is_collected(deployment: Deployment) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        stack.gateway()
        with vendor_clients(stack.url) as clients:
            url = clients.assemblyai.upload_file(RECORDING)
            assert asyncio.run(tidied(deployment)).orphans == 1
            with pytest.raises(TranscriptError, match="no recording at this address"):
                clients.assemblyai.submit(url)


async def tidied(deployment: Deployment) -> Tidied:
    """Do a round of housekeeping for which everything is due."""
    redis = connect(deployment.redis_url)
    database = Database(deployment.database_url)
    parts = Parts(
        database,
        TaskQueue(redis),
        EventBus(redis),
        deployment.store(),
        Catalog({}, {}),
        Policy(orphan_hours=0.0, retention_days=0.0),
    )
    done = await Housekeeping(parts).run()
    await redis.aclose()
    await database.close()
    return done
