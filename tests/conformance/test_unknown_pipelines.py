"""A job of a pipeline that one orchestrator doesn't know waits for another one that does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.messages import JobCreated
from dalston.common.models import JobStatus, new_job_id
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.session import Database
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts, Policy
from dalston.orchestrator.waits import Waits
from tests.support.board import Board, new_job
from tests.support.deployment import Deployment


@pytest.fixture
async def parts(deployment: Deployment, board: Board) -> AsyncIterator[Parts]:
    redis = connect(deployment.redis_url)
    queue, events = TaskQueue(redis), EventBus(redis)
    yield Parts(board.database, queue, events, deployment.store(), Catalog({}, {}))
    await redis.aclose()


async def submitted(database: Database) -> str:
    job_id = new_job_id()
    async with database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id)])
    return job_id


async def test_a_job_of_an_unknown_pipeline_fails_only_after_a_while(parts: Parts) -> None:
    job_id = await submitted(parts.database)
    orchestrator = Orchestrator(parts)

    async def found() -> tuple[JobStatus, str | None]:
        async with parts.database.read() as connection:
            job = await reading.find_job(connection, job_id)
        assert job is not None
        return job.status, None if job.error is None else job.error.code

    await orchestrator.process(Batch(events=[JobCreated(job_id)]))
    await Waits(parts, orchestrator.process).give_up_planning()
    assert await found() == (JobStatus.PENDING, None)

    impatient = Parts(
        parts.database,
        parts.queue,
        parts.events,
        parts.store,
        parts.catalog,
        Policy(no_engine_seconds=0.0),
    )
    await Waits(impatient, orchestrator.process).give_up_planning()
    assert await found() == (JobStatus.FAILED, "unknown_pipeline")
