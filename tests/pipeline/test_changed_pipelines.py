"""Retry and rerun of jobs whose pipeline is another one by then than when they were submitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.test_again import act
from tests.pipeline.test_fan_out import runs
from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.stack import Stack, running

ENGINES = ("cutting-preparer", "part-transcriber", "listing-merger")
STUBS = ("stub-transcriber", "stub-merger")
CHUNKS = """
stages:
  - {stage: prepare, engine: cutting-preparer}
  - {stage: transcribe, engine: part-transcriber, after: [prepare], each: chunk}
  - {stage: merge, engine: listing-merger, after: [prepare, transcribe]}
"""
WHOLE = CHUNKS.replace(", each: chunk", "")
POLISHING = "transcript-polisher"
SHORT = """
stages:
  - {stage: transcribe, engine: stub-transcriber}
  - {stage: merge, engine: stub-merger, after: [transcribe]}
"""
LONG = f"{SHORT}  - {{stage: polish, engine: {POLISHING}, after: [merge]}}\n"
BOTH = {
    CHUNKS: "Part 0. Part 1. Part 2.",
    # What the recording says, seen from the whole.
    WHOLE: "Part 3.",
}


@contextmanager
def knowing(deployment: Deployment, folder: Path, stages: str, *engines: str) -> Iterator[Stack]:
    """Run a server whose pipeline has these stages."""
    (folder / "changing.yaml").write_text(f"name: changing\n{stages}")
    settings = Gate(folder).settings()
    settings |= {"DALSTON_PIPELINES": str(folder), "DALSTON_PIPELINE": "changing"}
    with running(deployment, *(engines or ENGINES), **settings) as stack:
        yield stack


def stages_of(job: dict[str, Any]) -> list[str]:
    return [task["stage"] for task in job["tasks"]]


@pytest.mark.parametrize(
    ("before", "after", "from_stage"),
    [(CHUNKS, WHOLE, "merge"), (WHOLE, CHUNKS, "merge"), (WHOLE, CHUNKS, "transcribe")],
    ids=["to the whole", "to chunks", "to chunks from there"],
)
def test_what_works_on_something_else_now_is_done_again(
    deployment: Deployment, tmp_path: Path, before: str, after: str, from_stage: str
) -> None:
    with knowing(deployment, tmp_path, before) as stack:
        job_id = stack.submit(b"3")
        assert stack.ended(job_id)["text"] == BOTH[before]

    with knowing(deployment, tmp_path, after) as stack:
        answer = act(stack, job_id, "rerun", from_stage=from_stage)
        assert answer.status_code == 202, answer.text
        job = stack.ended(job_id)
        assert (job["status"], job["text"], job["version"]) == ("completed", BOTH[after], 2)
        assert stack.read(job_id, version="1")["text"] == BOTH[before]


def test_a_retry_does_again_what_works_on_the_whole_now(
    deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "fail-2").touch()
    with knowing(deployment, tmp_path, CHUNKS) as stack:
        job_id = stack.submit(b"3")
        assert stack.ended(job_id)["status"] == "failed"

    with knowing(deployment, tmp_path, WHOLE) as stack:
        assert act(stack, job_id, "retry").status_code == 202
        job = stack.ended(job_id)
        assert (job["status"], job["text"]) == ("completed", BOTH[WHOLE])
        assert runs(tmp_path)[-1] == 3


def test_a_stage_behind_the_old_last_one_makes_the_text_of_a_rerun(
    deployment: Deployment, tmp_path: Path
) -> None:
    with knowing(deployment, tmp_path, SHORT, *STUBS, POLISHING) as stack:
        job_id = stack.submit(b"x")
        first = stack.ended(job_id)

    with knowing(deployment, tmp_path, LONG, *STUBS, POLISHING) as stack:
        assert act(stack, job_id, "rerun", from_stage="polish").status_code == 202
        second = stack.ended(job_id)
        assert (second["text"], second["version"]) == (f"Polished: {first['text']}", 2)
        assert second["tasks"][:2] == first["tasks"]
        history = stack.read(job_id, include="history")["history"]
        of_job = [row["to_status"] for row in history if row["task_id"] is None]
        assert of_job[-3:] == ["pending", "running", "completed"]
        assert stack.read(job_id, version="1")["text"] == first["text"]


def test_a_job_whose_last_stage_failed_goes_on_when_that_is_taken_out(
    deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "fail-polish").touch()
    with knowing(deployment, tmp_path, LONG, *STUBS, POLISHING) as stack:
        job_id = stack.submit(b"x")
        failed = stack.ended(job_id)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "not_polished")

    with knowing(deployment, tmp_path, SHORT, *STUBS) as stack:
        assert act(stack, job_id, "retry").status_code == 202
        job = stack.ended(job_id)
        assert (job["status"], stages_of(job)) == ("completed", ["transcribe", "merge"])
        assert job["tasks"][0] == failed["tasks"][0]
