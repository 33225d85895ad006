"""How far a job is: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from dalston.common.models import Job, JobStatus, Part, Task, TaskStatus
from dalston.gateway.services.progress import finished_outputs, progress_of

BEGAN = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DONE, RUNS, WAITS = TaskStatus.COMPLETED, TaskStatus.RUNNING, TaskStatus.READY


def job(status: JobStatus = JobStatus.RUNNING) -> Job:
    return Job(
        id="job_000000000000",
        status=status,
        pipeline="default",
        owner="local",
        parameters={},
        filename=None,
        audio_path="a",
        audio_bytes=1,
        created_at=BEGAN,
        started_at=BEGAN,
    )


def task(
    stage: str,
    status: TaskStatus,
    index: int = 0,
    seconds: tuple[float, float] | None = None,
    channel: int | None = None,
) -> Task:
    part = None if seconds is None else Part("c.wav", *seconds, *seconds, channel)
    return Task(
        id=f"{stage}-{index}",
        job_id="job_000000000000",
        stage=stage,
        index=index,
        engine_id="e",
        status=status,
        hand_out=1,
        config={},
        output_path=f"{stage}/{index}" if status is DONE else None,
        part=part,
    )


def test_what_is_not_cut_yet_is_not_done() -> None:
    cutting = msgspec.structs.replace(task("prepare", RUNS), expands=True)
    tasks = [
        cutting,
        task("transcribe", DONE, 0, (0.0, 30.0)),
        task("transcribe", WAITS, 1, (30.0, 60.0)),
    ]

    quarter = progress_of(job(), tasks, {"prepare-0": 0.25}, BEGAN)
    unsaid = progress_of(job(), tasks, {}, BEGAN)
    cut = progress_of(job(), [task("prepare", DONE), *tasks[1:]], {}, BEGAN)

    assert (quarter.audio_seconds, quarter.audio_seconds_done) == (None, 30.0)
    assert quarter.fraction == pytest.approx(0.25 * cut.fraction)
    assert unsaid.fraction == 0.0
    assert cut.audio_seconds == 60.0


def test_chunks_count_by_their_length() -> None:
    tasks = [
        task("prepare", DONE),
        task("transcribe", DONE, 0, (0.0, 30.0)),
        task("transcribe", RUNS, 1, (30.0, 90.0)),
        task("transcribe", WAITS, 2, (90.0, 100.0)),
        task("merge", TaskStatus.PENDING),
    ]

    progress = progress_of(job(), tasks, {"transcribe-1": 0.5}, BEGAN)

    assert progress.audio_seconds == 100.0
    assert progress.audio_seconds_done == 30.0
    assert progress.fraction == pytest.approx(0.05 + 0.93 * 0.6)
    assert finished_outputs(tasks) == ["transcribe/0"]


def test_a_chunk_is_finished_when_no_stage_has_anything_left_to_do_with_it() -> None:
    tasks = [
        task("transcribe", DONE, 0, (0.0, 30.0)),
        task("align", WAITS, 0, (0.0, 30.0)),
        task("transcribe", DONE, 1, (30.0, 40.0)),
        task("align", TaskStatus.FAILED, 1, (30.0, 40.0)),
    ]

    progress = progress_of(job(), tasks, {}, BEGAN)

    assert progress.audio_seconds_done == 10.0
    assert progress.fraction == pytest.approx(0.05 + 0.93 * 0.625)


def test_channels_have_the_same_seconds() -> None:
    tasks = [
        task("language", DONE, 0, (0.0, 60.0), 2),
        task("transcribe", DONE, 0, (0.0, 60.0), 2),
        task("transcribe", DONE, 1, (0.0, 40.0), 1),
        task("transcribe", WAITS, 2, (40.0, 100.0), 1),
        task("transcribe", WAITS, 3, (60.0, 100.0), 2),
    ]

    progress = progress_of(job(), tasks, {}, BEGAN)

    assert progress.audio_seconds == 100.0
    assert progress.audio_seconds_done == 50.0
    assert progress.fraction == pytest.approx(0.05 + 0.93 * 0.5)


def test_nothing_is_estimated_before_something_is_done() -> None:
    progress = progress_of(job(), [task("prepare", RUNS)], {"prepare-0": 0.5}, BEGAN)

    assert progress.fraction == pytest.approx(0.025)
    assert progress.eta_seconds is None
    assert progress.audio_seconds is None
    assert progress_of(job(JobStatus.PENDING), [], {}, BEGAN).fraction == 0.0


def test_without_chunks_every_task_counts_alike() -> None:
    tasks = [task("transcribe", DONE), task("merge", RUNS)]

    assert progress_of(job(), tasks, {"merge-0": 0.5}, BEGAN).fraction == pytest.approx(0.75)


def test_a_completed_job_is_done() -> None:
    tasks = [task("prepare", DONE), task("transcribe", DONE, 0, (0.0, 12.5))]

    progress = progress_of(job(JobStatus.COMPLETED), tasks, {}, BEGAN)

    assert (progress.fraction, progress.eta_seconds) == (1.0, 0.0)
    assert (progress.audio_seconds_done, progress.audio_seconds) == (12.5, 12.5)
