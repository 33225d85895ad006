"""A job that one orchestrator can't plan waits for another one that can.

Either the pipeline isn't known to it, or the engine that fetches the recording.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.messages import Attempt, JobCreated, JobResumed, TaskCompleted
from dalston.common.models import JobStatus, PlannedTask, TaskStatus, new_job_id, new_task_id
from dalston.common.storage import output_path, source_path
from dalston.db import jobs as transitions
from dalston.db import reading, work
from dalston.db.locking import lock
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts, Policy
from dalston.orchestrator.scheduler import as_event
from dalston.orchestrator.waits import Waits
from tests.support.board import Board, new_job

WHOLE = b'{"duration": 2.0, "channels": 1, "sample_rate": 16000}'
IMPATIENT = Policy(no_engine_seconds=0.0)


@pytest.fixture
def orchestrator(parts: Parts) -> Orchestrator:
    return Orchestrator(parts)


@pytest.fixture
def without_fetcher(parts: Parts) -> Parts:
    """What an orchestrator stands on that knows the pipeline `stub`, and no engine that fetches."""
    transcribers = {"one": EngineSpec(id="one", version="1", stage="transcribe")}
    stub = Pipeline("stub", [Stage("transcribe", "one")])
    return replace(parts, catalog=Catalog(transcribers, {"stub": stub}))


async def found(parts: Parts, job_id: str) -> tuple[JobStatus, str | None]:
    async with parts.database.read() as connection:
        job = await reading.find_job(connection, job_id)
    assert job is not None
    return job.status, None if job.error is None else job.error.code


async def give_up(parts: Parts, orchestrator: Orchestrator, policy: Policy) -> None:
    await Waits(replace(parts, policy=policy), orchestrator.process).give_up_planning()


async def new(parts: Parts, *, at_an_address: bool = False) -> str:
    job = new_job(new_job_id())
    if at_an_address:
        job = msgspec.structs.replace(job, audio_path=source_path(job.id))
    async with parts.database.write() as connection:
        await transitions.create_jobs(connection, [job])
    return job.id


async def new_cut(parts: Parts, *, at_an_address: bool = False) -> tuple[str, Attempt]:
    """Return a job whose recording an attempt has cut."""
    job_id, task_id = await new(parts, at_an_address=at_an_address), new_task_id()
    plan = [PlannedTask(task_id, "prepare", 0, "cutter", {}, expands=True)]
    attempt = Attempt(job_id=job_id, task_id=task_id, hand_out=1, token="a" * 12, instance="one")
    async with parts.database.write() as connection:
        locked = await lock(connection, [job_id])
        await transitions.start_jobs(connection, locked, {job_id: plan})
    await parts.store.put(output_path(job_id, task_id, attempt.folder), WHOLE)
    return job_id, attempt


@pytest.mark.parametrize("resumed", [False, True])
async def test_a_job_that_can_not_be_planned_fails_only_after_a_while(
    parts: Parts, orchestrator: Orchestrator, board: Board, *, resumed: bool
) -> None:
    if resumed:
        await board.fail(board.attempt())
        assert await board.retry()
    job_id = board.job_id if resumed else await new(parts)
    event = JobResumed(job_id) if resumed else JobCreated(job_id)

    await orchestrator.process(Batch(events=[event]))
    await give_up(parts, orchestrator, Policy())
    assert await found(parts, job_id) == (JobStatus.PENDING, None)

    await give_up(parts, orchestrator, IMPATIENT)
    assert await found(parts, job_id) == (JobStatus.FAILED, "unknown_pipeline")


async def test_a_cut_that_can_not_be_planned_waits_for_whoever_can(
    parts: Parts, orchestrator: Orchestrator
) -> None:
    job_id, attempt = await new_cut(parts)

    await orchestrator.process(Batch(events=[as_event(TaskCompleted, attempt, expands=True)]))
    await give_up(parts, orchestrator, Policy())
    async with parts.database.read() as connection:
        [task] = (await reading.tasks_of(connection, [job_id]))[job_id]
    # Its outcome is found by its row and its lease, or by the object.
    assert (task.status, task.error) == (TaskStatus.RUNNING, None)
    assert await found(parts, job_id) == (JobStatus.RUNNING, None)

    await give_up(parts, orchestrator, IMPATIENT)
    assert await found(parts, job_id) == (JobStatus.FAILED, "unknown_pipeline")


async def test_jobs_of_unknown_pipelines_stand_in_nobodys_way(parts: Parts) -> None:
    job_id = await new(parts)
    async with parts.database.read() as connection:
        assert await work.pending_jobs(connection, {"other"}, 1, fetches=True) == []
        both = {"stub", "other"}
        assert await work.pending_jobs(connection, both, 1, fetches=True) == [(job_id, False)]


async def test_a_job_whose_recording_nothing_fetches_waits_like_one(
    without_fetcher: Parts,
) -> None:
    job_id = await new(without_fetcher, at_an_address=True)
    orchestrator = Orchestrator(without_fetcher)

    await orchestrator.process(Batch(events=[JobCreated(job_id)]))
    with capture_logs() as logs:
        await give_up(without_fetcher, orchestrator, Policy())
    assert await found(without_fetcher, job_id) == (JobStatus.PENDING, None)
    [said] = [entry for entry in logs if entry["event"] == "unknown_pipelines_wanted"]
    assert (said["pipelines"], said["engines"], said["jobs"]) == ([], ["url-fetch"], 1)

    await give_up(without_fetcher, orchestrator, IMPATIENT)
    assert await found(without_fetcher, job_id) == (JobStatus.FAILED, "unknown_pipeline")
    async with without_fetcher.database.read() as connection:
        job = await reading.find_job(connection, job_id)
    assert job is not None
    assert job.error is not None
    assert "url-fetch" in job.error.message


async def test_a_cut_of_what_was_fetched_waits_for_whoever_fetches(without_fetcher: Parts) -> None:
    job_id, attempt = await new_cut(without_fetcher, at_an_address=True)
    orchestrator = Orchestrator(without_fetcher)

    await orchestrator.process(Batch(events=[as_event(TaskCompleted, attempt, expands=True)]))
    await give_up(without_fetcher, orchestrator, Policy())
    assert await found(without_fetcher, job_id) == (JobStatus.RUNNING, None)

    await give_up(without_fetcher, orchestrator, IMPATIENT)
    assert await found(without_fetcher, job_id) == (JobStatus.FAILED, "unknown_pipeline")


async def test_jobs_that_nothing_fetches_stand_in_nobodys_way(parts: Parts) -> None:
    fetched = await new(parts, at_an_address=True)
    uploaded = await new(parts)
    async with parts.database.read() as connection:
        assert await work.pending_jobs(connection, {"stub"}, 2, fetches=False) == [
            (uploaded, False)
        ]
        # They may be of the same millisecond.
        both = await work.pending_jobs(connection, {"stub"}, 2, fetches=True)
        assert sorted(both) == sorted([(fetched, False), (uploaded, False)])
