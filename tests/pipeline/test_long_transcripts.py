"""Transcripts of many hours come in pieces, and are the same for whoever asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from select import select
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message

from dalston.gateway import long_answers
from dalston.gateway.long_answers import MOST_BYTES, InPieces, NotTakenError
from tests.bad_input.wire import Wire, head
from tests.support.deployment import Deployment
from tests.support.peaks import memory_peaks
from tests.support.small_engines import SmallEngines
from tests.support.stack import TRANSCRIPTIONS, Role, Stack, running
from tests.support.waiting import until

COUNT = 40_000
CODE = """
from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class Long(Engine):
    def process(self, input: TaskInput) -> TaskOutput:
        segments = [
            {"start": n / 8, "end": (n + 1) / 8, "text": f"Wort {n} für alle."}
            for n in range(40_000)
        ]
        inner = {"a": 1, "segments": [1, ',"segments":[']}
        data = {"text": ',"segments":[', "metadata": inner, "speakers": [], "status": "odd"}
        if self.id == "given-whole":
            return TaskOutput({"segments": segments, **data})
        return TaskOutput(data, segments=iter(segments))
"""

BRIEF = """
stages:
  - {stage: prepare, engine: audio-prepare}
  - {stage: transcribe, engine: brief, after: [prepare], each: chunk}
  - {stage: merge, engine: transcript-merger, after: [prepare, transcribe]}
"""


@pytest.fixture
def stack(deployment: Deployment, tmp_path: Path) -> Iterator[Stack]:
    """A server with two engines that return the same, one of them piece by piece, and a third."""
    small = SmallEngines(tmp_path)
    for name in ("given-whole", "given-in-pieces"):
        (small.add(name, 64) / "engine.py").write_text(CODE)
    # More than the system takes of an answer that nobody reads.
    (small.add("given-at-length", 64) / "engine.py").write_text(
        CODE.replace("für alle", "für alle" + 30 * " Leute")
    )
    small.add("brief", 64)
    (small.pipelines / "brief.yaml").write_text(BRIEF)
    with running(deployment, **small.settings("given-at-length", 512)) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.start("engine", "run", "--all")
        stack.gateway()
        yield stack


def completed(stack: Stack, silence: Path, pipeline: str) -> str:
    job_id = stack.submit(silence, pipeline=pipeline)
    assert stack.ended(job_id)["status"] == "completed"
    return job_id


@pytest.mark.parametrize("pipeline", ["given-whole", "given-in-pieces"])
def test_a_long_transcript_is_passed_on_as_it_is(
    stack: Stack, silence: Path, pipeline: str
) -> None:
    job_id = completed(stack, silence, pipeline)

    answer = stack.client.get(f"{TRANSCRIPTIONS}/{job_id}")

    # Its length isn't known before it is read.
    assert "content-length" not in answer.headers
    # It comes in several pieces.
    assert len(answer.content) > 2 * 1024 * 1024
    names: list[str] = []
    job: dict[str, Any] = json.loads(answer.content, object_pairs_hook=_noting(names))
    assert names.count("status") == 1 + len(job["tasks"])
    assert (job["id"], job["status"], job["text"]) == (job_id, "completed", ',"segments":[')
    assert job["metadata"]["segments"] == [1, ',"segments":[']
    assert len(job["segments"]) == COUNT
    assert job["segments"][7] == {"start": 0.875, "end": 1.0, "text": "Wort 7 für alle."}

    rerun = {"from_stage": "transcribe"}
    assert stack.client.post(f"{TRANSCRIPTIONS}/{job_id}/rerun", json=rerun).is_success
    assert stack.ended(job_id)["version"] == 2
    earlier = stack.client.get(f"{TRANSCRIPTIONS}/{job_id}", params={"version": 1})
    assert "content-length" not in earlier.headers
    assert earlier.json()["segments"] == job["segments"]
    exported = stack.client.get(f"{TRANSCRIPTIONS}/{job_id}/export/json").json()
    assert exported["segments"] == job["segments"]
    head = stack.client.head(f"{TRANSCRIPTIONS}/{job_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert "content-length" not in head.headers
    assert head.headers["content-type"] == answer.headers["content-type"]


def test_who_does_not_read_holds_few_transcripts_in_memory(stack: Stack, silence: Path) -> None:
    job_id = completed(stack, silence, "given-at-length")
    gateway = stack.roles[-1]
    path = f"{TRANSCRIPTIONS}/{job_id}/export/json"
    whole = stack.client.get(path).content
    before = memory_peaks({"gateway": gateway.pid})["gateway"]
    with ExitStack() as opened:
        wires = [opened.enter_context(Wire(stack.url)) for _ in range(30)]
        for wire in wires:
            wire.send(head(path, method="GET"))

        answered = _answered(wires)

        after = memory_peaks({"gateway": gateway.pid})["gateway"]
        assert len(answered) * len(whole) < 2 * MOST_BYTES
        assert after - before < 100
        # Others have theirs all the same once those are read or gone.
        waiting = [wire for wire in wires if wire not in answered]
        for wire in waiting[1:]:
            wire.reset()
        for wire in [*answered, waiting[0]]:
            assert wire.answer("GET").body == whole
    # Nothing was made for those that went away.
    until(lambda: _left(gateway) == len(waiting) - 1, "all that left to be noticed")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (TRANSCRIPTIONS, {"model": "whisper-1", "response_format": "verbose_json"}),
        ("/v1/speech-to-text", {"model_id": "scribe_v1"}),
    ],
)
def test_who_waited_for_a_transcript_and_does_not_read_it_holds_few_in_memory(
    stack: Stack, silence: Path, path: str, fields: dict[str, str]
) -> None:
    gateway = stack.roles[-1]
    stack.client.headers["Idempotency-Key"] = "one-job-for-all"
    asked = stack.client.build_request(
        "POST", path, data=fields, files={"file": ("a.wav", silence.read_bytes())}
    )
    whole = stack.client.send(asked)
    assert whole.status_code == 200, whole.text
    lines = [f"{name}: {value}" for name, value in asked.headers.items() if name != "host"]
    before = memory_peaks({"gateway": gateway.pid})["gateway"]
    with ExitStack() as opened:
        wires = [opened.enter_context(Wire(stack.url)) for _ in range(30)]
        for wire in wires:
            wire.send(head(path, *lines) + asked.read())

        answered = _answered(wires)

        after = memory_peaks({"gateway": gateway.pid})["gateway"]
        assert len(answered) * len(whole.content) < 2 * MOST_BYTES
        assert after - before < 150
        again = answered[0].answer("POST")
        assert again.headers["idempotent-replayed"] == "true"
        assert again.body == whole.content
        if path == TRANSCRIPTIONS:
            _require_patience(stack, silence, fields)


def _require_patience(stack: Stack, silence: Path, fields: dict[str, str]) -> None:
    """Have what others of an owner don't read keep nobody waiting who can have an answer."""
    files = {"file": ("a.wav", silence.read_bytes())}
    hurried = stack.client.post(
        TRANSCRIPTIONS, data=fields, files=files, headers={"x-stainless-read-timeout": "8"}
    )
    assert (hurried.status_code, hurried.json()["error"]["code"]) == (504, "job_still_running")
    del stack.client.headers["Idempotency-Key"]
    short = stack.client.post(TRANSCRIPTIONS, data={**fields, "pipeline": "brief"}, files=files)
    assert short.status_code == 200


def _answered(wires: list[Wire]) -> list[Wire]:
    """Return those that are answered when nobody else is for some seconds."""
    sockets = {wire.socket: wire for wire in wires}
    answered: list[Wire] = []
    while found := select(list(sockets), [], [], 4)[0]:
        answered += [sockets.pop(one) for one in found]
    return answered


def _left(gateway: Role) -> int:
    return sum(line["status"] == 499 for line in gateway.logged("request"))


async def test_an_answer_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_answers, "STALL_SECONDS", 0.05)
    ended: list[bool] = []

    async def send(message: Message) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def usable() -> None:
        return

    answer = InPieces(Response(bytes(1_000_000)), usable, lambda: ended.append(True))
    with pytest.raises(NotTakenError):
        await answer({"type": "http", "state": {"is_head": False}}, receive, send)
    assert ended == [True]


def _noting(names: list[str]) -> Any:
    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names.extend(name for name, _ in pairs)
        return dict(pairs)

    return note
