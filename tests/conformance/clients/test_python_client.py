"""`dalston.client`, with asyncio and without, over a real server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path

import pytest

from dalston.client import (
    AsyncClient,
    Client,
    JobEndedError,
    ProgressEvent,
    RefusedError,
    SegmentEvent,
    StatusEvent,
    UnreachableError,
)
from dalston.client.views import ProgressView
from dalston.common.models import JobStatus
from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.stack import Stack, running
from tests.support.waiting import until

CHUNKED = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def server(shared_deployment: Deployment, gate: Path) -> Iterator[Stack]:
    settings = Gate(gate).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(shared_deployment, *CHUNKED, **settings) as stack:
        yield stack


@pytest.fixture
def client(server: Stack) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def recording(folder: Path, text: str = "3 apart") -> Path:
    path = folder / "talk.wav"
    path.write_text(text)
    return path


def test_a_recording_becomes_a_transcript(client: Client, tmp_path: Path) -> None:
    seen: list[ProgressView] = []
    transcript = client.transcribe(recording(tmp_path), on_progress=seen.append, language="de")
    assert transcript.text == "Part 0. Part 1. Part 2."
    assert transcript.segments[2].start == 2.5
    assert seen[-1].fraction == 1


def test_segments_come_while_the_job_runs(client: Client, tmp_path: Path, gate: Path) -> None:
    hold = gate / "hold-2"
    hold.touch()
    job_id = client.submit(recording(tmp_path))
    events = client.events(job_id)
    heard = [event for event in events_until(events, 2) if isinstance(event, SegmentEvent)]
    assert [event.segment.text for event in heard] == ["Part 0.", "Part 1."]
    assert client.job(job_id).status is JobStatus.RUNNING
    with pytest.raises(JobEndedError, match="job_not_completed"):
        client.transcript(job_id)
    hold.unlink()
    *_, last = client.events(job_id, after=heard[-1].id)
    assert isinstance(last, StatusEvent)
    assert last.status is JobStatus.COMPLETED
    assert client.export(job_id, "srt", segments="whole").count("-->") == 3
    assert client.export(job_id).startswith("Part 0. Part 1.")


def events_until(
    events: Iterator[SegmentEvent | ProgressEvent | StatusEvent], segments: int
) -> list[SegmentEvent | ProgressEvent | StatusEvent]:
    found = []
    while segments:
        found.append(next(events))
        segments -= isinstance(found[-1], SegmentEvent)
    return found


def test_jobs_are_listed_stopped_resumed_and_removed(
    client: Client, tmp_path: Path, gate: Path
) -> None:
    hold = gate / "hold-0"
    hold.touch()
    job_id = client.submit(recording(tmp_path))
    assert next(client.jobs()).id == job_id
    client.cancel(job_id)
    with pytest.raises(JobEndedError) as stopped:
        client.wait(job_id)
    assert stopped.value.code == "job_cancelled"
    hold.unlink()
    client.retry(job_id)
    assert client.wait(job_id).text == "Part 0. Part 1. Part 2."
    client.delete(job_id)
    with pytest.raises(RefusedError) as refused:
        client.job(job_id)
    assert (refused.value.code, refused.value.status) == ("job_not_found", 404)
    assert all(job.id != job_id for job in islice(client.jobs(JobStatus.COMPLETED), 300))


def test_a_job_that_fails_says_why(client: Client, tmp_path: Path, gate: Path) -> None:
    fail = gate / "fail-1"
    fail.touch()
    with pytest.raises(JobEndedError) as failed:
        client.transcribe(recording(tmp_path))
    fail.unlink()
    assert failed.value.code == "not_heard"
    with pytest.raises(RefusedError) as refused:
        client.submit(recording(tmp_path), colour="red")
    assert refused.value.code == "unknown_field"
    with pytest.raises(RefusedError) as refused:
        client.submit("https://127.0.0.1/talk.wav")
    assert refused.value.code == "forbidden_address"


def test_the_server_says_what_it_has(client: Client) -> None:
    assert set(CHUNKED) <= set(client.engines())
    assert "whisper-1" in {model.id for model in client.models()}


async def test_the_same_with_asyncio(server: Stack, tmp_path: Path) -> None:
    async with AsyncClient(server.url) as client:
        job_id = await client.submit(recording(tmp_path, "2 apart"))
        async with aclosing(client.events(job_id)) as events:
            texts = [
                event.segment.text async for event in events if isinstance(event, SegmentEvent)
            ]
        assert texts == ["Part 0.", "Part 1."]
        assert (await client.transcript(job_id)).text == "Part 0. Part 1."


def test_a_server_that_restarts_is_listened_to_again(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Each segment is told once, whatever happens to connections."""
    (tmp_path / "hold-1").touch()
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, **settings) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.start("engine", "run", *CHUNKED)
        gateway = stack.gateway()
        texts = []
        with Client(stack.url) as client:
            for event in client.events(client.submit(recording(tmp_path))):
                if isinstance(event, SegmentEvent):
                    texts.append(event.segment.text)
                    if texts == ["Part 0."]:
                        gateway.kill()
                        stack.gateway()
                        (tmp_path / "hold-1").unlink()
        assert texts == ["Part 0.", "Part 1.", "Part 2."]


def test_nobody_there_is_said_at_the_end_of_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", 0.0)
    with Client("http://127.0.0.1:9") as client, pytest.raises(UnreachableError):
        client.submit(recording(tmp_path))
    with pytest.raises(ValueError, match="no key or password"):
        Client("http://me:secret@127.0.0.1:8000")


@pytest.mark.parametrize(("end", "status"), [("", 0), ("raise RuntimeError", 1)])
def test_a_program_ends_that_has_closed_no_client(end: str, status: int) -> None:
    program = f"from dalston.client import Client\nclient = Client('http://127.0.0.1:9')\n{end}"
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == status


def test_a_client_that_is_forgotten_leaves_nothing_running() -> None:
    before = set(threading.enumerate())
    for _ in range(2):
        Client("http://127.0.0.1:9")
    until(lambda: set(threading.enumerate()) <= before, "the clients' threads to end")
