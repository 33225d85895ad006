"""Jobs that are asked for by many clients at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dalston.common.access import LOCAL_OWNER
from dalston.common.errors import JobNotFoundError
from dalston.common.models import JobStatus, Retention, TaskStatus
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.locking import lock
from dalston.db.reopening import Rerun, rerun_job
from dalston.db.session import Database
from dalston.gateway.parts import Parts
from dalston.gateway.services import versions
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.versions import Versions
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


async def test_a_job_that_is_rerun_while_it_is_read_is_shown_as_it_was_or_as_it_is(
    parts: Parts, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never its old status without its old transcript and tasks."""
    board = await _completed(database)
    _rerun_before(monkeypatch, reading, "tasks_of", board)

    view = await JobService(parts).read(LOCAL_OWNER, board.job_id)

    assert (view.job.status, view.job.version) == (JobStatus.COMPLETED, 1)
    assert [task.id for task in view.tasks] == [board.first, board.second]
    assert view.transcript is not None
    assert (await board.job()).version == 2


async def test_a_page_shows_a_job_that_is_rerun_meanwhile_as_it_was(
    parts: Parts, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = await _completed(database)
    _rerun_before(monkeypatch, reading, "tasks_without_chunks", board)

    [view] = await JobService(parts).list(LOCAL_OWNER, 10, None, None)

    assert view.job.status is JobStatus.COMPLETED
    assert [task.id for task in view.tasks] == [board.first, board.second]


async def test_a_job_that_is_rerun_while_its_versions_are_listed_has_none_of_them_twice(
    parts: Parts, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = await _completed(database)
    service = Versions(parts, JobService(parts))
    _rerun_before(monkeypatch, versions, "versions_of", board)

    assert [one.version for one in await service.summaries(LOCAL_OWNER, board.job_id)] == [1]
    assert [one.version for one in await service.summaries(LOCAL_OWNER, board.job_id)] == [1, 2]


async def test_a_version_is_the_one_that_was_asked_for_also_if_the_next_one_is_just_begun(
    parts: Parts, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = await _completed(database)
    service = Versions(parts, JobService(parts))
    _rerun_before(monkeypatch, JobService, "read", board)

    view = await service.read(LOCAL_OWNER, board.job_id, 1)

    assert (view.job.status, view.job.version) == (JobStatus.COMPLETED, 1)
    assert view.transcript is not None


async def test_an_earlier_version_shows_what_its_job_was_asked_for(
    parts: Parts, database: WatchedDatabase
) -> None:
    asked = {"deadline_seconds": 3600.0, "retention": Retention.DELETE_AUDIO, "retention_days": 7.0}
    job = msgspec.structs.replace(await stored_job(parts), **asked)
    async with database.write() as connection:
        await transitions.create_jobs(connection, [job])
        locked = await lock(connection, [job.id])
        await transitions.cancel_jobs(connection, locked, [job.id])
    async with database.write() as connection:
        locked = await lock(connection, [job.id])
        await rerun_job(connection, locked, job.id, [], [], Rerun("transcribe", {}, {}))

    shown = (await Versions(parts, JobService(parts)).read(LOCAL_OWNER, job.id, 1)).job

    assert (shown.version, shown.status) == (1, JobStatus.CANCELLED)
    assert {name: getattr(shown, name) for name in asked} == asked


async def _completed(database: Database) -> Board:
    """Return a completed job with a transcript that stands in a row."""
    board = Board(database)
    await board.set_up()
    await board.complete(board.attempt())
    await board.move_on(board.first)
    attempt = board.attempt(task_id=board.second)
    async with database.write() as connection:
        locked = await lock(connection, [board.job_id], [board.second])
        small = {attempt: '{"text":"Once."}'}
        await transitions.complete_tasks(connection, locked, [attempt], small)
    await board.move_on(board.second)
    return board


def _rerun_before(monkeypatch: pytest.MonkeyPatch, place: object, name: str, board: Board) -> None:
    """Have a job rerun by somebody else just before a function is called, once."""
    function = getattr(place, name)

    async def rerun_first(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        assert await board.rerun()
        return await function(*given, **named)

    monkeypatch.setattr(place, name, rerun_first)
