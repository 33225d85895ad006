"""Work on a recording's first chunks begins while the rest is still being cut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.pipeline.test_fan_out import runs, statuses
from tests.support.deployment import Deployment, age
from tests.support.gate import Gate
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

ENGINES = ("early-preparer", "part-transcriber", "failing-checker", "listing-merger")


def settings(folder: Path) -> dict[str, str]:
    return Gate(folder).settings() | {"DALSTON_PIPELINE": "early"}


def heard(stack: Stack, job_id: str, count: int) -> dict[str, Any]:
    """Wait until so many chunks are transcribed, and return the job."""

    def enough() -> dict[str, Any] | None:
        job = stack.read(job_id)
        found = [task["status"] for task in job["tasks"] if task["stage"] == "transcribe"]
        return job if found.count("completed") == count else None

    return until(enough, f"{count} chunks to be transcribed")


def text(count: int) -> str:
    return " ".join(f"Part {number}." for number in range(count))


def test_chunks_are_transcribed_while_the_recording_is_being_cut(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        job_id = stack.submit(b"4")
        job = heard(stack, job_id, 2)

        assert statuses(stack, job_id, "prepare") == ["running"]
        assert statuses(stack, job_id, "merge") == []
        assert job["partial_text"] == "Part 0. Part 1."
        assert job["progress"]["audio_seconds"] is None
        until(
            lambda: 0.4 < stack.read(job_id)["progress"]["fraction"] < 0.55,
            "the progress of two of four chunks",
        )
        (tmp_path / "hold-cut-2").unlink()
        job = stack.ended(job_id)

        assert job["status"] == "completed"
        assert job["text"] == text(4)
        assert runs(tmp_path) == [0, 1, 2, 3]
        places = [(p["offset"], p["core_start"]) for p in job["metadata"]["given"]["transcribe"]]
        assert places == [(0.0, 0.0), (0.5, 1.0), (1.5, 2.0), (2.5, 3.0)]
        assert statuses(stack, job_id, "check") == ["completed", "failed", "completed", "completed"]


def test_a_second_try_at_cutting_keeps_what_is_finished(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-cut-3").touch()
        job_id = stack.submit(b"5")
        heard(stack, job_id, 3)
        (tmp_path / "crash-cut-4").touch()
        (tmp_path / "hold-cut-3").unlink()
        job = stack.ended(job_id)

        assert job["status"] == "completed"
        assert job["text"] == text(5)
        assert runs(tmp_path) == [0, 1, 2, 3, 4]
        [prepare] = [task for task in job["tasks"] if task["stage"] == "prepare"]
        assert prepare["attempt"] == 2


def test_a_second_try_that_cuts_elsewhere_ends_with_a_reason(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        job_id = stack.submit(b"3")
        heard(stack, job_id, 2)
        (tmp_path / "shifted").touch()
        (tmp_path / "crash-cut-3").touch()
        (tmp_path / "hold-cut-2").unlink()
        job = stack.ended(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "chunks_changed")


def test_a_recording_that_turns_out_bad_ends_with_its_reason(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        (tmp_path / "fail-cut-2").touch()
        job_id = stack.submit(b"3")
        job = stack.ended(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "bad_place")
        objects = asyncio.run(deployment.store().list(f"jobs/{job_id}/tasks"))
        assert not [path for path in objects if path.endswith("audio.wav")]


def test_deleting_a_job_stops_the_cutting(deployment: Deployment, tmp_path: Path) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        job_id = stack.submit(b"40")
        heard(stack, job_id, 2)
        assert stack.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 204
        until(lambda: not _being_cut(deployment), "the cutting to stop")
        (tmp_path / "hold-cut-2").unlink()

        assert stack.ended(stack.submit(b"2"))["status"] == "completed"
        assert [number for number in runs(tmp_path) if number > 1] == []


def _being_cut(deployment: Deployment) -> bool:
    """Tell whether an engine still works on a recording, by its progress in the lease."""
    redis = deployment.redis()
    leases = [redis.hgetall(key) for key in redis.keys("dalston:lease:*")]
    return any(lease.get(b"state") == b"running" for lease in leases)


def test_everything_may_die_while_a_recording_is_being_cut(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, **settings(tmp_path)) as stack:
        stack.migrate()
        roles = [stack.start("orchestrator"), stack.start("engine", "run", *ENGINES)]
        stack.gateway()
        (tmp_path / "hold-cut-3").touch()
        job_id = stack.submit(b"6")
        heard(stack, job_id, 3)
        for role in roles:
            role.kill()
        deployment.redis().flushall()
        (tmp_path / "hold-cut-3").unlink()
        stack.start("orchestrator")
        age(deployment.redis())
        stack.start("engine", "run", *ENGINES)
        job = stack.ended(job_id, 90)

        assert job["status"] == "completed"
        assert job["text"] == text(6)
        assert runs(tmp_path) == [0, 1, 2, 3, 4, 5]
