"""Many recordings become jobs in one transaction, and each stands or falls by itself."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
import pytest

from dalston.common.errors import DatabaseUnavailableError, UnavailableError
from dalston.common.events import EventBus
from dalston.common.models import Job, new_job_id
from dalston.common.redis import connect
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.admission import Applicant
from dalston.gateway.parts import Parts
from dalston.gateway.services import acceptance as module
from dalston.gateway.services.acceptance import Acceptance, Accepted, JobIds
from tests.support.gateway import WatchedDatabase, recordings, stored_job


async def rows_of(parts: Parts, jobs: list[Job]) -> set[str]:
    async with parts.database.read() as connection:
        return {job.id for job in await reading.find_jobs(connection, [job.id for job in jobs])}


async def test_many_jobs_share_a_transaction(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    jobs = [await stored_job(parts) for _ in range(50)]
    accepted = await asyncio.gather(*(acceptance.accept(Applicant(job)) for job in jobs))

    assert database.writes < 5
    assert [answer.job.id for answer in accepted] == [job.id for job in jobs]
    async with database.read() as connection:
        rows = await reading.find_jobs(connection, [job.id for job in jobs])
        story = await reading.history_of(connection, jobs[0].id)
    found = {job.id: job for job in rows}
    assert {answer.job.id: answer.job for answer in accepted} == found
    assert [row.to_status for row in story] == ["pending"]
    await acceptance.close()
    events, _ = await EventBus(parts.queue.redis).read("test", 1.0)
    if not events:
        # The first reader makes the group of readers, from the beginning of the stream.
        events, _ = await EventBus(parts.queue.redis).read("test", 1.0)
    assert sorted(event.job_id for event in events) == sorted(found)


async def test_jobs_gather_while_a_transaction_is_under_way(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    jobs = [await stored_job(parts) for _ in range(10)]
    database.may_commit.clear()
    first = asyncio.create_task(acceptance.accept(Applicant(jobs[0])))
    await database.in_transaction.wait()
    others = [asyncio.create_task(acceptance.accept(Applicant(job))) for job in jobs[1:]]
    database.may_commit.set()
    await asyncio.gather(first, *others)
    assert database.writes == 2
    assert await rows_of(parts, jobs) == {job.id for job in jobs}


async def test_a_job_that_the_database_refuses_is_refused_alone(
    acceptance: Acceptance, parts: Parts
) -> None:
    jobs = [await stored_job(parts) for _ in range(5)]
    bad = msgspec.structs.replace(jobs[2], pipeline=cast("str", None))
    answers = await asyncio.gather(
        *(acceptance.accept(Applicant(job)) for job in (*jobs[:2], bad, *jobs[3:])),
        return_exceptions=True,
    )
    good = {job.id for job in jobs} - {bad.id}
    assert [isinstance(answer, Exception) for answer in answers] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert not isinstance(answers[2], UnavailableError)
    assert await rows_of(parts, jobs) == good
    assert await recordings(parts) == good


async def test_a_database_that_is_down_refuses_all_and_nothing_is_left(parts: Parts) -> None:
    nowhere = "postgresql://nobody:x@127.0.0.1:1/none"
    if parts.database.kind == "sqlite":
        nowhere = "sqlite:////nowhere/dalston.db"
    broken = WatchedDatabase(nowhere)
    down = Parts(**{**vars(parts), "database": broken})
    acceptance = Acceptance(down)
    jobs = [await stored_job(parts) for _ in range(5)]
    answers = await asyncio.gather(
        *(acceptance.accept(Applicant(job)) for job in jobs), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {DatabaseUnavailableError}
    await acceptance.close()
    assert await recordings(parts) == set()
    with pytest.raises(DatabaseUnavailableError):
        await JobIds(broken).take()
    await broken.close()


async def test_a_recording_is_kept_whose_row_may_be_there(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    jobs = [await stored_job(parts) for _ in range(3)]
    database.loses_answers = True
    answers = await asyncio.gather(
        *(acceptance.accept(Applicant(job)) for job in jobs), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {DatabaseUnavailableError}
    assert await recordings(parts) == await rows_of(parts, jobs) == {job.id for job in jobs}
    assert database.writes == 1


async def test_an_id_that_another_gateway_used_harms_nobody(
    acceptance: Acceptance, parts: Parts
) -> None:
    theirs = await stored_job(parts)
    async with parts.database.write() as connection:
        await transitions.create_jobs(connection, [theirs])
    ours = await stored_job(parts)
    answers = await asyncio.gather(
        acceptance.accept(Applicant(msgspec.structs.replace(theirs, filename="another.wav"))),
        acceptance.accept(Applicant(ours)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], UnavailableError)
    assert isinstance(answers[1], Accepted)
    assert await recordings(parts) == {theirs.id, ours.id}
    async with parts.database.read() as connection:
        found = await reading.find_job(connection, theirs.id)
    assert found is not None
    assert found.filename == theirs.filename


async def test_a_client_that_is_gone_harms_nobody(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    gone, other = await stored_job(parts), await stored_job(parts)
    database.may_commit.clear()
    abandoned = asyncio.create_task(acceptance.accept(Applicant(gone)))
    waiting = asyncio.create_task(acceptance.accept(Applicant(other)))
    await database.in_transaction.wait()
    abandoned.cancel()
    with pytest.raises(asyncio.CancelledError):
        await abandoned
    database.may_commit.set()
    assert (await waiting).job.id == other.id
    await acceptance.close()
    # It may have been accepted, and then its recording must be there.
    assert await rows_of(parts, [gone, other]) == await recordings(parts) == {gone.id, other.id}


async def test_what_a_client_left_is_removed_if_it_was_not_accepted(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    gone = msgspec.structs.replace(await stored_job(parts), pipeline=cast("str", None))
    database.may_commit.clear()
    abandoned = asyncio.create_task(acceptance.accept(Applicant(gone)))
    await database.in_transaction.wait()
    abandoned.cancel()
    database.may_commit.set()
    with pytest.raises(asyncio.CancelledError):
        await abandoned
    await acceptance.close()
    assert await recordings(parts) == set()


async def test_a_gateway_that_stops_finishes_what_it_has_begun(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    job = await stored_job(parts)
    database.may_commit.clear()
    accepting = asyncio.create_task(acceptance.accept(Applicant(job)))
    await database.in_transaction.wait()
    closing = asyncio.create_task(acceptance.close())
    database.may_commit.set()
    await closing
    assert (await accepting).job.id == job.id
    assert await rows_of(parts, [job]) == {job.id}


async def test_ids_are_looked_up_many_at_a_time(database: WatchedDatabase) -> None:
    ids = JobIds(database)
    taken = await asyncio.gather(*(ids.take() for _ in range(200)))
    assert len(set(taken)) == 200
    assert database.reads < 10


async def test_an_id_that_is_in_use_is_not_given_away(
    parts: Parts, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = await stored_job(parts)
    async with database.write() as connection:
        await transitions.create_jobs(connection, [used])
    minted = iter([used.id, *(new_job_id() for _ in range(200))])
    monkeypatch.setattr(module, "new_job_id", lambda: next(minted))
    ids = JobIds(database)
    assert used.id not in {await ids.take() for _ in range(63)}


async def test_redis_that_is_down_refuses_no_job(parts: Parts) -> None:
    deaf = EventBus(connect("redis://127.0.0.1:1/0"))
    acceptance = Acceptance(Parts(**{**vars(parts), "events": deaf}))
    job = await stored_job(parts)
    assert (await acceptance.accept(Applicant(job))).job.id == job.id
    await acceptance.close()
    assert await rows_of(parts, [job]) == {job.id}
