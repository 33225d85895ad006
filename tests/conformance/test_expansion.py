"""What events about chunks make of a job, on every database: early, twice, late, never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.messages import (
    ChunkReady,
    JobCreated,
    JobResumed,
    TaskCompleted,
    TaskErrored,
)
from dalston.common.models import Cause, Failure, Part, Task, new_job_id
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.entries import ready_entries
from dalston.db.locking import lock
from dalston.db.migrate import migrate
from dalston.db.reopening import retry_job
from dalston.db.session import Database
from dalston.gateway.services.kept import part_tasks
from dalston.orchestrator.batches import Batch, Effects, TaskReturned
from dalston.orchestrator.handlers import apply
from tests.support.board import new_job
from tests.support.deployment import Deployment

CATALOG = Catalog(
    engines={
        "cutter": EngineSpec(id="cutter", version="1", stage="prepare", produces=["chunks"]),
        "listener": EngineSpec(id="listener", version="1", stage="transcribe"),
        "aligner": EngineSpec(id="aligner", version="1", stage="align"),
        "joiner": EngineSpec(id="joiner", version="1", stage="merge"),
    },
    pipelines={
        "stub": Pipeline(
            "stub",
            [
                Stage("prepare", "cutter"),
                Stage("transcribe", "listener", after=["prepare"], each="chunk"),
                Stage("align", "aligner", after=["transcribe"], each="chunk"),
                Stage("merge", "joiner", after=["prepare", "transcribe", "align"]),
            ],
        )
    },
)

WHOLE = msgspec.structs.replace(
    CATALOG,
    pipelines={
        "stub": Pipeline(
            "stub",
            [
                msgspec.structs.replace(stage, each="recording")
                for stage in CATALOG.pipelines["stub"].stages
            ],
        )
    },
)
"""The same engines, none of which works on chunks."""


def part(index: int, length: float = 30.0) -> Part:
    start, end = index * length, (index + 1) * length
    return Part(f"chunk-{index}.wav", start, end, start, end, path=f"kept/chunk-{index}.wav")


class Cutting:
    """A job whose recording is being cut."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.job_id = new_job_id()
        self.task_id = ""

    async def set_up(self) -> None:
        async with self.database.write() as connection:
            await transitions.create_jobs(connection, [new_job(self.job_id)])
        await self.apply(JobCreated(self.job_id))
        [prepare] = await self.tasks()
        self.task_id = prepare.id

    async def apply(
        self, *events: Any, parts: int = 0, length: float = 30.0, catalog: Catalog = CATALOG
    ) -> Effects:
        found = {self.task_id: [part(index, length) for index in range(parts)]} if parts else {}
        async with self.database.write() as connection:
            return await apply(connection, catalog, Batch(events=events, parts=found))

    async def finish(self, stage: str) -> None:
        """Have all tasks of a stage completed."""
        about: dict[str, Any] = {
            "job_id": self.job_id,
            "instance": "two",
            "hand_out": 1,
            "token": "c" * 12,
        }
        ids = [task.id for task in await self.tasks() if task.stage == stage]
        await self.apply(*(TaskCompleted(**about, task_id=task_id) for task_id in ids))

    async def cancel(self) -> None:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            await transitions.cancel_jobs(connection, locked, [self.job_id])

    async def retry(self) -> None:
        """Have the job go on from all that is done, as a gateway does that knows `CATALOG`."""
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            own_tasks = (await reading.tasks_of(connection, [self.job_id]))[self.job_id]
            drop = part_tasks(own_tasks, await reading.edges_of(connection, self.job_id)).drop
            assert await retry_job(connection, locked, self.job_id, drop)

    def about(self, hand_out: int = 1, token: str = "a" * 12) -> dict[str, Any]:
        names = {"job_id": self.job_id, "task_id": self.task_id, "instance": "one"}
        return names | {"hand_out": hand_out, "token": token}

    def chunk(self, index: int, length: float = 30.0, **about: Any) -> ChunkReady:
        return ChunkReady(**self.about(**about), index=index, part=part(index, length))

    def completed(self, **about: Any) -> TaskCompleted:
        return TaskCompleted(**self.about(**about), expands=True)

    async def tasks(self) -> list[Task]:
        async with self.database.read() as connection:
            return (await reading.tasks_of(connection, [self.job_id]))[self.job_id]

    async def found(self) -> list[tuple[str, int, str]]:
        return sorted((task.stage, task.index, task.status.value) for task in await self.tasks())

    async def failure(self) -> str | None:
        async with self.database.read() as connection:
            job = await reading.find_job(connection, self.job_id)
        assert job is not None
        return None if job.error is None else job.error.code


@pytest.fixture
async def cutting(deployment: Deployment) -> AsyncIterator[Cutting]:
    database = Database(deployment.database_url)
    await migrate(database)
    job = Cutting(database)
    await job.set_up()
    yield job
    await database.close()


def whole(count: int) -> list[tuple[str, int, str]]:
    """Return what a job of so many chunks has when none is transcribed yet."""
    return [
        *(("align", index, "pending") for index in range(count)),
        ("merge", 0, "pending"),
        ("prepare", 0, "completed"),
        *(("transcribe", index, "ready") for index in range(count)),
    ]


async def test_a_chunk_is_ready_at_once_and_only_once(cutting: Cutting) -> None:
    effects = await cutting.apply(cutting.chunk(0), cutting.chunk(1), cutting.chunk(0))
    again = await cutting.apply(cutting.chunk(1))

    early = [*((stage, index) for stage in ("align", "transcribe") for index in (0, 1))]
    assert [(stage, index) for stage, index, _ in await cutting.found()] == sorted(
        [*early, ("prepare", 0)]
    )
    assert [entry.stage for entry in effects.publish] == ["transcribe", "transcribe"]
    assert (effects.close, again.publish, again.close) == ([], [], [])


async def test_what_is_offered_at_once_is_what_the_database_offers_later(cutting: Cutting) -> None:
    effects = await cutting.apply(cutting.chunk(0), cutting.chunk(1))
    async with cutting.database.read() as connection:
        ready = await ready_entries(connection, "listener", 10)

    assert [msgspec.json.encode(entry) for entry in ready] == [
        msgspec.json.encode(entry) for entry in effects.publish
    ]
    assert [entry.audio for entry in ready] == ["kept/chunk-0.wav", "kept/chunk-1.wav"]
    assert ready[1].chunk_of == {"prepare": part(1)}


async def test_the_end_plans_what_no_event_was_heard_of(cutting: Cutting) -> None:
    await cutting.apply(cutting.chunk(1))
    effects = await cutting.apply(cutting.completed(), parts=3)

    assert await cutting.found() == whole(3)
    assert len([entry for entry in effects.publish if entry.stage == "transcribe"]) == 2


async def test_a_preparer_that_says_nothing_before_its_end(cutting: Cutting) -> None:
    await cutting.apply(cutting.completed(), parts=3)

    assert await cutting.found() == whole(3)


async def test_events_that_come_together(cutting: Cutting) -> None:
    await cutting.apply(cutting.completed(), cutting.chunk(0), cutting.chunk(1), parts=2)

    assert await cutting.found() == whole(2)


async def test_a_second_attempt_that_cuts_alike_goes_on(cutting: Cutting) -> None:
    await cutting.apply(cutting.chunk(0), cutting.chunk(1))
    await _lose(cutting)
    late = await cutting.apply(cutting.chunk(2))
    second: dict[str, Any] = {"hand_out": 2, "token": "b" * 12}
    await cutting.apply(cutting.chunk(0, **second))
    effects = await cutting.apply(cutting.completed(**second), parts=3)

    assert late.close == [(cutting.task_id, 1, "a" * 12)]
    assert await cutting.found() == whole(3)
    assert [entry.chunk_of for entry in effects.publish] == [{"prepare": part(2)}]


@pytest.mark.parametrize("by", ["chunk", "completion", "fewer"])
async def test_a_second_attempt_that_cuts_elsewhere_fails_the_job(
    cutting: Cutting, by: str
) -> None:
    await cutting.apply(cutting.chunk(0), cutting.chunk(1))
    await _lose(cutting)
    second: dict[str, Any] = {"hand_out": 2, "token": "b" * 12}
    if by == "chunk":
        await cutting.apply(cutting.chunk(0, 31.0, **second))
    elif by == "completion":
        await cutting.apply(cutting.completed(**second), parts=3, length=31.0)
    else:
        await cutting.apply(cutting.completed(**second), parts=1)

    assert await cutting.failure() == "chunks_changed"
    assert {status for _, _, status in await cutting.found()} <= {"cancelled", "completed"}


async def test_a_job_does_not_go_on_with_chunks_of_two_ways_of_cutting(cutting: Cutting) -> None:
    await cutting.apply(cutting.chunk(0), cutting.chunk(1))
    await cutting.finish("transcribe")
    await _lose(cutting)
    await cutting.apply(cutting.completed(hand_out=2, token="b" * 12), parts=1, length=60.0)
    assert await cutting.failure() == "chunks_changed"
    await cutting.retry()
    effects = await cutting.apply(JobResumed(cutting.job_id), parts=1, length=60.0)

    assert await cutting.failure() == "chunks_changed"
    assert effects.publish == []


async def test_a_pipeline_that_changes_to_the_whole_in_the_middle_fails_the_job(
    cutting: Cutting,
) -> None:
    await cutting.apply(cutting.chunk(0), cutting.chunk(1))
    effects = await cutting.apply(cutting.completed(), parts=3, catalog=WHOLE)

    assert await cutting.failure() == "pipeline_changed"
    assert effects.publish == []


async def test_a_pipeline_that_changes_before_a_chunk_is_known_is_gone_on_with(
    cutting: Cutting,
) -> None:
    await cutting.apply(cutting.completed(), parts=3, catalog=WHOLE)

    assert await cutting.found() == [
        ("align", 0, "pending"),
        ("merge", 0, "pending"),
        ("prepare", 0, "completed"),
        ("transcribe", 0, "ready"),
    ]


async def test_a_job_that_goes_on_with_a_changed_pipeline_says_so(cutting: Cutting) -> None:
    """Gateway and orchestrator may know different ones, while they are being restarted."""
    await cutting.apply(cutting.completed(), parts=2)
    await cutting.finish("transcribe")
    await cutting.cancel()
    await cutting.retry()
    await cutting.apply(JobResumed(cutting.job_id), parts=2, catalog=WHOLE)

    assert await cutting.failure() == "pipeline_changed"


async def test_a_chunk_of_a_job_that_has_ended_is_refused(cutting: Cutting) -> None:
    await cutting.cancel()
    effects = await cutting.apply(cutting.chunk(0))

    assert await cutting.found() == [("prepare", 0, "cancelled")]
    assert effects.close == [(cutting.task_id, 1, "a" * 12)]


async def test_a_failure_ends_the_job_with_its_chunks(cutting: Cutting) -> None:
    await cutting.apply(cutting.chunk(0))
    failed = TaskErrored(**cutting.about(), error=Failure("audio_too_long", "Too long."))
    effects = await cutting.apply(failed)

    assert await cutting.failure() == "audio_too_long"
    assert effects.withdraw == [cutting.job_id]
    assert {status for stage, _, status in await cutting.found() if stage != "prepare"} == {
        "cancelled"
    }


async def test_two_orchestrators_hear_of_the_same_chunk(cutting: Cutting) -> None:
    await asyncio.gather(*(cutting.apply(cutting.chunk(index)) for index in (0, 0, 1, 1)))

    places = [(stage, index) for stage, index, _ in await cutting.found()]
    assert len(places) == len(set(places)) == 5


async def test_chunks_that_come_one_by_one_stand_behind_one_another(cutting: Cutting) -> None:
    for index in range(10):
        await cutting.apply(cutting.chunk(index))
    clip = Cutting(cutting.database)
    await clip.set_up()
    await clip.apply(clip.completed(), parts=1)
    async with cutting.database.read() as connection:
        ready = await ready_entries(connection, "listener", 20)

    in_order = [entry.audio for entry in ready if entry.job_id == cutting.job_id]
    assert in_order == [f"kept/chunk-{index}.wav" for index in range(10)]
    assert [entry.job_id for entry in ready].index(clip.job_id) == 1


async def _lose(cutting: Cutting) -> None:
    attempt = cutting.chunk(0)
    lost = TaskReturned(attempt, Cause.LOST, Failure("engine_lost", "It is gone."))
    async with cutting.database.write() as connection:
        await apply(connection, CATALOG, Batch(returned=[lost]))
