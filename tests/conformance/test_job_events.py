"""What is told of a job while it runs, to any number of listeners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dalston.common.access import LOCAL_OWNER
from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.keys import bearer, make_key, revoke
from tests.support.stack import TRANSCRIPTIONS, Stack, running

CHUNKED = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


@dataclass
class Told:
    """One event as it is sent."""

    id: str
    kind: str
    data: dict[str, Any]


@contextmanager
def following(stack: Stack, job_id: str, **headers: str) -> Iterator[Iterator[Told]]:
    """Listen to a job."""
    path = f"{TRANSCRIPTIONS}/{job_id}/events"
    with stack.client.stream("GET", path, headers=headers, timeout=60) as answer:
        assert answer.status_code == httpx.codes.OK, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-transform" in answer.headers["cache-control"]
        yield told_in(answer)


def told_in(answer: httpx.Response) -> Iterator[Told]:
    lines: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and lines:
            yield Told(lines["id"], lines["event"], json.loads(lines["data"]))
            lines = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            lines[name] = value
    assert not lines, "an event was cut off"


def texts(events: list[Told]) -> list[str]:
    return [event.data["text"] for event in events if event.kind == "segment"]


def test_segments_progress_and_states_come_while_a_job_runs_and_after_a_break(
    deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "hold-2").touch()
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKED, **settings) as stack:
        job_id = stack.submit(b"4 apart")
        heard: list[Told] = []
        with following(stack, job_id) as events:
            while len(texts(heard)) < 2 or "progress" not in {event.kind for event in heard}:
                heard.append(next(events))
        first, second = (event for event in heard if event.kind == "segment")
        assert (first.data["text"], first.data["start"], first.data["end"]) == (
            "Part 0.",
            0.5,
            1.25,
        )
        assert (second.data["text"], second.data["start"]) == ("Part 1.", 1.5)
        assert {event.data["status"] for event in heard if event.kind == "status"} <= {
            "pending",
            "running",
        }

        with following(stack, job_id, **{"Last-Event-ID": first.id}) as events:
            assert texts([next(event for event in events if event.kind == "segment")]) == [
                "Part 1."
            ]
            (tmp_path / "hold-2").unlink()
            rest = list(events)
        assert texts(rest) == ["Part 2.", "Part 3."]
        assert rest[-1].kind == "status"
        assert rest[-1].data == {"id": job_id, "status": "completed", "version": 1}
        assert [event for event in rest if event.kind == "progress"][-1].data["fraction"] == 1
        assert [event.id for event in rest if event.id.endswith("end")] == [rest[-1].id]

        with following(stack, job_id) as events:
            late = list(events)
        assert texts(late) == ["Part 0.", "Part 1.", "Part 2.", "Part 3."]
        third = [event for event in late if event.kind == "segment"][2]
        with following(stack, job_id, **{"Last-Event-ID": third.id}) as events:
            assert texts(list(events)) == ["Part 3."]
        over = stack.client.get(
            f"{TRANSCRIPTIONS}/{job_id}/events", headers={"Last-Event-ID": rest[-1].id}
        )
        assert over.status_code == 204


def test_chunks_that_share_sound_are_told_from_the_transcript(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKED, **settings) as stack:
        with following(stack, stack.submit(b"3"), **{"Last-Event-ID": "none of ours"}) as events:
            told = list(events)
        segments = [event for event in told if event.kind == "segment"]
        assert texts(told) == ["Part 0.", "Part 1.", "Part 2."]
        assert [event.id for event in segments] == ["0-f1", "0-f2", "0-f3"]

        (tmp_path / "hold-0").touch()
        key = make_key(deployment, LOCAL_OWNER)
        job_id = stack.client.post(
            TRANSCRIPTIONS, files={"file": ("a.wav", b"1")}, headers=bearer(key)
        ).json()["id"]
        with following(stack, job_id, **bearer(key)) as events:
            next(events)
            revoke(deployment, key)
            assert {event.kind for event in events} <= {"status", "progress"}
        (tmp_path / "hold-0").unlink()

        stack.client.headers.update(bearer(make_key(deployment, LOCAL_OWNER)))
        stack.ended(job_id)
        (tmp_path / "fail-0").touch()
        with following(stack, stack.submit(b"1")) as events:
            *_, last = events
        assert last.data["status"] == "failed"
        assert last.data["error"]["code"] == "not_heard"


def test_a_head_says_what_a_get_does(stub_server: Stack) -> None:
    path = f"{TRANSCRIPTIONS}/{stub_server.submit(b'x')}/events"
    head = stub_server.client.head(path)
    with stub_server.client.stream("GET", path) as answer:
        told = answer.headers
    assert (head.status_code, head.content) == (200, b"")
    assert "content-length" not in head.headers
    for name in ("content-type", "cache-control", "x-accel-buffering"):
        assert head.headers[name] == told[name]
