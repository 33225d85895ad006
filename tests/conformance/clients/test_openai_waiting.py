"""An answer that waits for its job never loses work, whatever happens meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.audio import TranscriptionStreamEvent

from tests.support.deployment import Deployment
from tests.support.gate import ENGINES, Gate
from tests.support.keys import bearer, make_key
from tests.support.openai_client import RECORDING, openai_client
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

CHUNKED = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")
JOB_ID = "x-dalston-job-id"
AGAIN = {"X-Stainless-Retry-Count": "1"}


def jobs(stack: Stack, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client.get(TRANSCRIPTIONS, headers=headers).json()["jobs"]
    return found


def post(stack: Stack, data: bytes = b"x", **headers: str) -> httpx.Response:
    return httpx.post(
        f"{stack.url}{TRANSCRIPTIONS}",
        files={"file": ("a.wav", data)},
        data={"model": "whisper-1"},
        headers=headers,
        timeout=60,
        trust_env=False,
    )


def delta_of(event: TranscriptionStreamEvent) -> str:
    assert event.type == "transcript.text.delta"
    return event.delta


def test_past_the_deadline_the_job_goes_on_and_nothing_is_sent_again(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    wait = {"DALSTON_WAIT_BASE_SECONDS": "0.5", "DALSTON_WAIT_SECONDS_PER_AUDIO_SECOND": "0"}
    with running(deployment, *ENGINES, **gate.settings(), **wait) as stack:
        with openai_client(stack) as client, pytest.raises(openai.InternalServerError) as caught:
            client.audio.transcriptions.create(file=RECORDING, model="whisper-1")
        error = caught.value
        assert error.status_code == 504
        assert error.code == "job_still_running"
        assert error.response.headers["x-should-retry"] == "false"
        job_id = error.response.headers[JOB_ID]
        assert isinstance(error.body, dict)
        assert error.body["job_id"] == job_id
        assert [job["id"] for job in jobs(stack)] == [job_id]

        with openai_client(stack) as client, pytest.raises(openai.APIError) as told:
            list(
                client.audio.transcriptions.create(
                    file=("b.wav", b"other"), model="whisper-1", stream=True
                )
            )
        assert told.value.code == "job_still_running"
        gate.open()
        assert stack.ended(job_id)["text"] == "Through."


def test_a_client_that_waits_less_is_told_before_it_gives_up(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with (
        running(deployment, *ENGINES, **gate.settings()) as stack,
        openai_client(stack, timeout=3) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1")
    assert caught.value.code == "job_still_running"


def test_a_longer_recording_is_waited_for_longer(deployment: Deployment, tmp_path: Path) -> None:
    """Its size says one second at most; that it has three is known when it has been cut."""
    (tmp_path / "hold-2").touch()
    settings = Gate(tmp_path).settings() | {
        "DALSTON_PIPELINE": "chunks",
        "DALSTON_WAIT_BASE_SECONDS": "2",
        "DALSTON_WAIT_SECONDS_PER_AUDIO_SECOND": "10",
    }
    with running(deployment, *CHUNKED, **settings) as stack, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, stack, b"3")
        until(lambda: jobs(stack), "the job")

        def after_its_size() -> bool:
            [job] = jobs(stack)
            history = stack.read(job["id"], include="history")
            return len(history["tasks"]) > 1 and not answer.done()

        until(after_its_size, "the chunks to be known")
        (tmp_path / "hold-2").unlink()
        assert answer.result().json()["text"] == "Part 0. Part 1. Part 2."


def test_a_retry_of_the_same_upload_joins_the_running_job(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack, ThreadPoolExecutor(4) as pool:
        first = pool.submit(post, stack, b"same", **{"X-Stainless-Retry-Count": "0"})
        until(lambda: len(jobs(stack)) == 1, "the job")
        joined = pool.submit(post, stack, b"same", **AGAIN)
        other = pool.submit(post, stack, b"other", **AGAIN)
        deliberate = pool.submit(post, stack, b"same", **{"X-Stainless-Retry-Count": "0"})
        until(lambda: len(jobs(stack)) == 3, "three jobs")
        gate.open()
        answers = [one.result() for one in (first, joined, other, deliberate)]
        assert [answer.json()["text"] for answer in answers] == ["Through."] * 4
        ids = [answer.headers[JOB_ID] for answer in answers]
        assert len(set(ids)) == 3
        # The second one may come in front of the retry, which then is its own.
        assert ids[1] in (ids[0], ids[3])
        # Also when it has ended: the answer was what got lost.
        assert post(stack, b"other", **AGAIN).headers[JOB_ID] == ids[2]
        assert len(jobs(stack)) == 3


def test_a_retry_joins_nobody_elses_job_and_none_that_was_stopped(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack, ThreadPoolExecutor(4) as pool:
        ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
        stack.client.headers.update(ada)
        mine = pool.submit(post, stack, b"same", **AGAIN, **ada)
        until(lambda: len(jobs(stack)) == 1, "the first job")
        theirs = pool.submit(post, stack, b"same", **AGAIN, **bob)
        until(lambda: len(jobs(stack, bob)) == 1, "the other one's job")
        [job] = jobs(stack)
        stack.client.delete(f"{TRANSCRIPTIONS}/{job['id']}")
        answer = mine.result()
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "job_cancelled"
        assert answer.headers["x-should-retry"] == "false"
        gate.open()
        assert theirs.result().headers[JOB_ID] != job["id"]
        again = post(stack, b"same", **AGAIN, **ada)
        assert again.status_code == 200
        assert again.headers[JOB_ID] not in (job["id"], theirs.result().headers[JOB_ID])


def test_a_client_that_goes_away_stops_nothing(deployment: Deployment, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{stack.url}{TRANSCRIPTIONS}",
                files={"file": ("a.wav", b"x")},
                data={"model": "whisper-1"},
                timeout=httpx.Timeout(30, read=1),
                trust_env=False,
            )
        [role] = [role for role in stack.roles if role.logged("job_accepted")]
        until(lambda: role.logged("client_gone"), "the gateway to notice")
        [job] = jobs(stack)
        gate.open()
        assert stack.ended(job["id"])["status"] == "completed"


def test_a_gateway_that_stops_says_where_the_transcript_will_be(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, **gate.settings()) as stack, ThreadPoolExecutor(1) as pool:
        stack.migrate()
        stack.start("orchestrator")
        stack.start("engine", "run", *ENGINES)
        gateway = stack.gateway()
        waiting = pool.submit(post, stack, b"x", **{"X-Stainless-Retry-Count": "0"})
        gate.wait_for_runs(1)
        gateway.stop()
        answer = waiting.result()
        assert answer.status_code == 503
        assert "x-should-retry" not in answer.headers
        stack.gateway()
        gate.open()
        again = post(stack, b"x", **AGAIN)
        assert again.status_code == 200
        assert again.headers[JOB_ID] == answer.headers[JOB_ID]


def test_text_arrives_while_the_job_runs(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "hold-2").touch()
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with (
        running(deployment, *CHUNKED, **settings) as stack,
        openai_client(stack) as client,
        client.audio.transcriptions.create(
            file=("a.wav", b"4 apart"), model="gpt-4o-transcribe", stream=True
        ) as stream,
    ):
        heard = ""
        while heard != "Part 0. Part 1.":
            heard += delta_of(next(stream))
        [job] = jobs(stack)
        assert job["status"] == "running"
        (tmp_path / "hold-2").unlink()
        *deltas, done = stream
        assert done.type == "transcript.text.done"
        assert heard + "".join(map(delta_of, deltas)) == done.text
        assert done.text == "Part 0. Part 1. Part 2. Part 3."


def test_text_that_may_still_change_is_not_sent(deployment: Deployment, tmp_path: Path) -> None:
    """These chunks share their sound with their neighbours."""
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with (
        running(deployment, *CHUNKED, **settings) as stack,
        openai_client(stack) as client,
        client.audio.transcriptions.create(
            file=("a.wav", b"3"), model="whisper-1", stream=True
        ) as stream,
    ):
        events = list(stream)
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]


def test_a_job_that_fails_keeps_its_code(deployment: Deployment) -> None:
    with (
        running(deployment, "audio-prepare", DALSTON_PIPELINE="default") as stack,
        openai_client(stack) as client,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            client.audio.transcriptions.create(
                file=("a.txt", b"no sound at all"), model="whisper-1"
            )
        assert caught.value.code == "unsupported_media"
        assert caught.value.param == "file"
        [job] = jobs(stack)
        assert caught.value.response.headers[JOB_ID] == job["id"]
        with pytest.raises(openai.APIError) as told:
            list(
                client.audio.transcriptions.create(
                    file=("b.txt", b"no sound"), model="whisper-1", stream=True
                )
            )
        assert told.value.code == "unsupported_media"
        assert isinstance(told.value.body, dict)
        assert told.value.body["job_id"] in {job["id"] for job in jobs(stack)}
