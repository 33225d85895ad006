"""A long recording is many small tasks, on every deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.deployment import Deployment, age
from tests.support.gate import Gate
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

ENGINES = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


def settings(folder: Path) -> dict[str, str]:
    """Return what a server needs for the pipeline `chunks`."""
    return Gate(folder).settings() | {"DALSTON_PIPELINE": "chunks"}


def runs(folder: Path) -> list[int]:
    """Return the numbers of the chunks whose transcription has begun, one for each time."""
    return sorted(int(path.name.split(".")[0]) for path in folder.glob("*.part"))


def statuses(stack: Stack, job_id: str, stage: str) -> list[str]:
    return [task["status"] for task in stack.read(job_id)["tasks"] if task["stage"] == stage]


def test_each_chunk_is_a_task_and_the_parts_are_joined_in_order(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        job = stack.ended(stack.submit(b"3"))

        assert job["status"] == "completed"
        assert job["text"] == "Part 0. Part 1. Part 2."
        given: dict[str, Any] = job["metadata"]["given"]
        assert isinstance(given["prepare"], dict)
        places = [(p["offset"], p["core_start"], p["core_end"]) for p in given["transcribe"]]
        assert places == [(0.0, 0.0, 1.0), (0.5, 1.0, 2.0), (1.5, 2.0, 3.0)]
        assert [segment["start"] for segment in job["segments"]] == [0.5, 1.0, 2.0]
        assert runs(tmp_path) == [0, 1, 2]


def test_an_optional_stage_that_fails_leaves_a_warning(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        job_id = stack.submit(b"3")
        job = stack.ended(job_id)

        assert job["status"] == "completed"
        assert statuses(stack, job_id, "check") == ["completed", "failed", "completed"]
        checked = [part["heard"] for part in job["metadata"]["given"]["check"]]
        assert checked == ["Part 0.", "Part 2."]
        assert job["metadata"]["warnings"] == [
            "The stage check failed at 0 s and was left out: This chunk can't be checked."
        ]


def test_many_chunks_are_done_once_each(deployment: Deployment, tmp_path: Path) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        job = stack.ended(stack.submit(b"200"), 60)

        assert job["status"] == "completed"
        assert job["text"] == " ".join(f"Part {number}." for number in range(200))
        assert runs(tmp_path) == list(range(200))


def test_a_short_recording_does_not_wait_for_a_long_one(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-5").touch()
        long_job = stack.submit(b"400")
        until(lambda: 5 in runs(tmp_path), "the long recording to be at its sixth chunk")

        short_job = stack.submit(b"2")
        until(lambda: len(stack.read(short_job)["tasks"]) == 6, "the short one to be cut")
        (tmp_path / "hold-5").unlink()

        assert stack.ended(short_job)["status"] == "completed"
        behind = statuses(stack, long_job, "transcribe")
        assert behind.count("completed") < 200
        assert stack.ended(long_job, 60)["status"] == "completed"


def test_only_chunks_in_flight_are_done_again_after_everything_was_killed(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, **settings(tmp_path)) as stack:
        stack.migrate()
        roles = [stack.start("orchestrator"), stack.start("engine", "run", *ENGINES)]
        stack.gateway()
        (tmp_path / "hold-30").touch()
        job_id = stack.submit(b"60")
        until(lambda: 30 in runs(tmp_path), "chunk 30 to begin")
        until(
            lambda: statuses(stack, job_id, "transcribe")[30] == "running",
            "chunk 30 to be on record",
        )
        for role in roles:
            role.kill()
        deployment.redis().flushall()
        (tmp_path / "hold-30").unlink()
        stack.start("orchestrator")
        age(deployment.redis())
        stack.start("engine", "run", *ENGINES)

        job = stack.ended(job_id, 90)
        assert job["status"] == "completed"
        assert job["text"] == " ".join(f"Part {number}." for number in range(60))
        twice = [number for number in range(60) if runs(tmp_path).count(number) > 1]
        assert twice == [30]


def test_deleting_a_long_job_stops_it_between_and_within_chunks(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-3").touch()
        job_id = stack.submit(b"50")
        until(lambda: 3 in runs(tmp_path), "chunk 3 to begin")

        assert stack.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 204
        (tmp_path / "hold-3").unlink()
        other = stack.submit(b"2")

        assert stack.ended(other)["status"] == "completed"
        assert not [number for number in runs(tmp_path) if number > 10]


def test_progress_and_the_text_so_far_are_shown_while_it_runs(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-2").touch()
        job_id = stack.submit(b"4")
        until(lambda: 2 in runs(tmp_path), "chunk 2 to begin")
        done = until(
            lambda: (job := stack.read(job_id))["progress"]["audio_seconds_done"] == 2.0 and job,
            "the first two chunks to be finished",
        )

        assert done["partial_text"] == "Part 0. Part 1."
        assert done["progress"]["audio_seconds"] == 4.0
        assert 0.5 < done["progress"]["fraction"] < 0.75
        assert done["progress"]["eta_seconds"] is None, "two chunks say too little"
        (tmp_path / "hold-2").unlink()
        job = stack.ended(job_id)
        assert "partial_text" not in job
        assert "progress" not in job
