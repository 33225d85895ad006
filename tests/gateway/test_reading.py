"""Jobs that are asked for by many clients at the same time."""

from __future__ import annotations

import asyncio

import pytest

from dalston.common.access import LOCAL_OWNER
from dalston.common.errors import JobNotFoundError
from dalston.common.models import JobStatus, TaskStatus
from dalston.db import jobs as transitions
from dalston.gateway.parts import Parts
from dalston.gateway.services.jobs import JobService
from tests.support.board import Board
from tests.support.gateway import WatchedDatabase, stored_job


async def test_many_clients_share_a_question_to_the_database(
    parts: Parts, database: WatchedDatabase
) -> None:
    jobs = [await stored_job(parts) for _ in range(10)]
    async with database.write() as connection:
        await transitions.create_jobs(connection, jobs)
    service = JobService(parts)
    asked = [job.id for job in jobs] * 5
    before = database.reads

    views = await asyncio.gather(*(service.read(LOCAL_OWNER, job_id) for job_id in asked))

    assert [view.job.id for view in views] == asked
    assert database.reads - before < 5


async def test_one_that_is_not_there_is_missing_for_those_who_ask_for_it(
    parts: Parts, database: WatchedDatabase
) -> None:
    job = await stored_job(parts)
    async with database.write() as connection:
        await transitions.create_jobs(connection, [job])
    service = JobService(parts)

    there, not_there = await asyncio.gather(
        service.read(LOCAL_OWNER, job.id),
        service.read(LOCAL_OWNER, "job_000000000000"),
        return_exceptions=True,
    )

    assert isinstance(not_there, JobNotFoundError)
    assert not isinstance(there, BaseException)
    assert there.job.id == job.id
    with pytest.raises(JobNotFoundError):
        await service.read(LOCAL_OWNER, "job_' OR 1=1")


async def test_a_job_that_waits_to_go_on_has_what_is_done_of_it(
    parts: Parts, database: WatchedDatabase
) -> None:
    board = Board(database)
    await board.set_up()
    await board.complete(board.attempt())
    await board.move_on(board.first)
    await board.fail(board.attempt(task_id=board.second))
    assert await board.retry()

    view = await JobService(parts).read(LOCAL_OWNER, board.job_id)

    assert view.job.status is JobStatus.PENDING
    assert [(task.id, task.status) for task in view.tasks] == [(board.first, TaskStatus.COMPLETED)]
