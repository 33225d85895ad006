"""Transcripts of many hours come in pieces, and are the same for whoever asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import Deployment
from tests.support.small_engines import SmallEngines
from tests.support.stack import TRANSCRIPTIONS, Stack, running

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


@pytest.fixture
def stack(deployment: Deployment, tmp_path: Path) -> Iterator[Stack]:
    """A server with two engines that return the same, one of them piece by piece."""
    small = SmallEngines(tmp_path)
    for name in ("given-whole", "given-in-pieces"):
        (small.add(name, 64) / "engine.py").write_text(CODE)
    with running(deployment, **small.settings("given-whole", 512)) as stack:
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


def _noting(names: list[str]) -> Any:
    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names.extend(name for name, _ in pairs)
        return dict(pairs)

    return note
