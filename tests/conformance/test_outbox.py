"""What is to be told of a job's end: written with it, sent by one at a time, gone with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
import pytest
from sqlalchemy import bindparam, delete, update

from dalston.common.models import Failure, JobStatus, new_job_id
from dalston.common.webhooks import DeliveryState, new_webhook_id
from dalston.db import jobs as transitions
from dalston.db import outbox, removal
from dalston.db import webhooks as endpoints
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, deliveries, jobs, webhooks
from dalston.db.locking import lock
from dalston.db.outbox import Claimed, Tried
from dalston.db.session import Database
from dalston.db.statements import Statement
from dalston.db.webhooks import Delivery
from tests.support.board import FAILURE, Board, new_job
from tests.support.deployment import Deployment

URL = "https://example.org/hook"
LEASE = 60.0
_OLD = compile_statement(update(deliveries).values(created_at=DatabaseAgo(40 * 86400.0)))
_ALL_DUE = compile_statement(update(deliveries).values(due_at=DatabaseNow()))
_OVER = compile_statement(update(deliveries).values(give_up_at=DatabaseAgo(1)))
_LONG_DELETED = compile_statement(
    update(jobs).where(jobs.c.id == bindparam("by_id")).values(deleted_at=DatabaseAgo(1000))
)
_REMOVED = compile_statement(delete(webhooks).where(webhooks.c.id == bindparam("by_id")))


@dataclass
class Watched:
    """A database with jobs whose ends somebody wants to hear of."""

    database: Database

    async def job(self, owner: str = "ada", url: str | None = URL) -> str:
        job_id = new_job_id()
        job = msgspec.structs.replace(new_job(job_id, owner), callback_url=url)
        async with self.database.write() as connection:
            await transitions.create_jobs(connection, [job])
        return job_id

    async def endpoint(self, owner: str, url: str) -> str:
        webhook_id = new_webhook_id()
        async with self.database.write() as connection:
            await endpoints.add_webhook(connection, webhook_id, owner, url)
        return webhook_id

    async def cancel(self, *job_ids: str) -> None:
        async with self.database.write() as connection:
            locked = await lock(connection, job_ids)
            await transitions.cancel_jobs(connection, locked, job_ids)

    async def fail(self, job_id: str, failure: Failure = FAILURE) -> None:
        async with self.database.write() as connection:
            locked = await lock(connection, [job_id])
            await transitions.fail_jobs(connection, locked, {job_id: failure})

    async def told(self, owner: str = "ada", **only: str) -> list[Delivery]:
        async with self.database.read() as connection:
            return await endpoints.list_deliveries(connection, owner, 100, None, only)

    async def claim(self, limit: int = 100) -> list[Claimed]:
        async with self.database.write() as connection:
            return await outbox.claim_due(connection, limit, LEASE)

    async def note(self, *tried: Tried) -> None:
        async with self.database.write() as connection:
            for one in tried:
                await outbox.note_outcome(connection, one)

    async def move(self, statement: Statement, **values: object) -> None:
        async with self.database.write() as connection:
            await connection.fetch(statement, **values)


@pytest.fixture
def watched(board: Board) -> Watched:
    return Watched(board.database)


async def test_an_end_is_told_to_those_who_want_to_hear_of_it_and_to_no_others(
    watched: Watched,
) -> None:
    ada = await watched.endpoint("ada", "https://ada.example/")
    await watched.endpoint("bob", "https://bob.example/")
    alone = await watched.job(url=None)
    named = await watched.job()
    same = await watched.job(url="https://ada.example/")
    nobodys = await watched.job(owner="eve", url=None)
    await watched.cancel(alone, named, same, nobodys)
    told = await watched.told()
    assert len(told) == 4
    assert {(one.job_id, one.webhook_id, one.url) for one in told} == {
        (alone, ada, "https://ada.example/"),
        (named, ada, "https://ada.example/"),
        (named, None, URL),
        (same, ada, "https://ada.example/"),
    }
    assert await watched.told("bob") == await watched.told("eve") == []


async def test_one_owner_takes_no_more_than_its_share(watched: Watched) -> None:
    """However much is due of one, what is due of another is sent."""
    await watched.cancel(*[await watched.job() for _ in range(6)])
    late = await watched.job(owner="bob")
    await watched.cancel(late)
    async with watched.database.write() as connection:
        told = await outbox.claim_due(connection, 4, LEASE, most_calls=3)
    assert [one.owner for one in told] == ["ada", "ada", "ada", "bob"]
    assert told[3].job_id == late


async def test_what_one_owner_has_no_room_for_does_not_hide_what_is_due_of_another(
    watched: Watched,
) -> None:
    await watched.cancel(*[await watched.job() for _ in range(5)])
    await watched.cancel(await watched.job(owner="bob"))
    async with watched.database.write() as connection:
        told = await outbox.claim_due(connection, 3, LEASE, calls={"ada": 2}, most_calls=3)
    assert [one.owner for one in told] == ["ada", "bob"]


async def test_each_kind_of_end_has_its_event(watched: Watched, board: Board) -> None:
    await watched.endpoint("local", URL)
    await board.finish()
    failed, cancelled = await watched.job("local", None), await watched.job("local", None)
    await watched.fail(failed)
    await watched.cancel(cancelled)
    said = {one.job_id: (one.event, one.data) for one in await watched.claim()}
    path = "/v1/audio/transcriptions/"
    assert said == {
        job_id: (
            f"transcription.{status}",
            {"id": job_id, "status": status, "version": 1, "path": path + job_id, **more},
        )
        for job_id, status, more in (
            (board.job_id, "completed", {}),
            (failed, "failed", {"error": {"code": FAILURE.code}}),
            (cancelled, "cancelled", {}),
        )
    }


async def test_a_job_that_ends_again_is_told_of_again(watched: Watched, board: Board) -> None:
    await watched.endpoint("local", URL)
    await board.finish()
    assert await board.rerun()
    last = await board.plan_again()
    await board.complete(board.attempt(task_id=last))
    await board.move_on(last)
    assert [one.data["version"] for one in await watched.claim()] == [1, 2]


async def test_an_end_that_is_rolled_back_is_not_told(watched: Watched) -> None:
    job_id = await watched.job()

    async def fail() -> None:
        async with watched.database.write() as connection:
            locked = await lock(connection, [job_id])
            await transitions.cancel_jobs(connection, locked, [job_id])
            raise RuntimeError("before the commit")

    with pytest.raises(RuntimeError, match="before the commit"):
        await fail()
    assert await watched.told() == []


async def test_a_job_that_nobody_wants_to_hear_of_asks_nothing_more() -> None:
    job = new_job(new_job_id())
    # A connection that there isn't can't be asked.
    await outbox.tell_of_end(None, [job], JobStatus.COMPLETED, "", having=set())  # type: ignore[arg-type]


async def test_two_orchestrators_never_send_the_same(
    watched: Watched, deployment: Deployment
) -> None:
    job_ids = [await watched.job() for _ in range(40)]
    await watched.cancel(*job_ids)
    other = Watched(Database(deployment.database_url))
    claims = [one.claim(10) for one in (watched, other) for _ in range(4)]
    claimed = [one.id for some in await asyncio.gather(*claims) for one in some]
    # What one has locked another passes over, so a claim may come out short.
    claimed += [one.id for one in await watched.claim()]
    assert len(claimed) == len(set(claimed)) == len(job_ids)
    assert await other.claim() == []
    await other.database.close()


async def test_who_was_too_slow_changes_nothing(watched: Watched) -> None:
    await watched.cancel(await watched.job())
    [slow] = await watched.claim()
    await watched.move(_ALL_DUE)
    [quick] = await watched.claim()
    assert (quick.id, slow.attempt, quick.attempt) == (slow.id, 1, 2)
    await watched.note(Tried(slow, "timed_out", pause_seconds=5.0))
    [told] = await watched.told()
    assert (told.last_error, told.attempts) == (None, 2)
    await watched.note(Tried(quick, None, 200), Tried(slow, "timed_out", pause_seconds=5.0))
    [told] = await watched.told()
    assert (told.state, told.last_status, told.due_at) == (DeliveryState.DELIVERED, 200, None)
    await watched.move(_OVER)
    assert await watched.claim() == []


async def test_an_endpoint_that_is_gone_or_removed_leaves_nothing_to_send(
    watched: Watched,
) -> None:
    gone = await watched.endpoint("ada", "https://gone.example/")
    removed = await watched.endpoint("ada", "https://removed.example/")
    for _ in range(2):
        await watched.cancel(await watched.job(url=None))
    first = next(one for one in await watched.claim() if one.webhook_id == gone)
    await watched.note(Tried(first, "gone", 410, gone=True))
    assert [one.state for one in await watched.told(webhook_id=gone)] == [DeliveryState.FAILED] * 2
    async with watched.database.write() as connection:
        await endpoints.remove_webhook(connection, "bob", removed)
    assert len(await watched.told(webhook_id=removed)) == 2
    async with watched.database.write() as connection:
        await endpoints.remove_webhook(connection, "ada", removed)
    await watched.move(_ALL_DUE)
    assert await watched.told(webhook_id=removed) == []


async def test_an_endpoint_that_was_removed_while_a_job_ended_is_not_called(
    watched: Watched,
) -> None:
    """On PostgreSQL neither waits for the other."""
    kept = await watched.endpoint("ada", f"{URL}/kept")
    removed = await watched.endpoint("ada", f"{URL}/removed")
    await watched.cancel(await watched.job(url=None))
    async with watched.database.write() as connection:
        # As its removal sees it that begins before the end is written.
        await connection.fetch(_REMOVED, by_id=removed)

    assert [claimed.webhook_id for claimed in await watched.claim()] == [kept]
    assert [delivery.webhook_id for delivery in await watched.told()] == [kept]


async def test_pages_follow_each_other(watched: Watched) -> None:
    job_ids = [await watched.job() for _ in range(5)]
    await watched.cancel(*job_ids)
    whole = await watched.told()
    found: list[Delivery] = []
    while True:
        before = (found[-1].created_at, found[-1].id) if found else None
        async with watched.database.read() as connection:
            page = await endpoints.list_deliveries(connection, "ada", 2, before)
        if not page:
            break
        found += page
    assert found == whole
    assert {one.job_id for one in found} == set(job_ids)
    assert [one.job_id for one in await watched.told(job_id=job_ids[3])] == [job_ids[3]]


async def test_what_is_old_goes_and_what_is_still_to_be_sent_stays(watched: Watched) -> None:
    await watched.cancel(await watched.job(), await watched.job())
    first, _ = await watched.claim()
    await watched.note(Tried(first, None, 200))
    async with watched.database.write() as connection:
        await outbox.forget_old(connection, 30.0)
    assert len(await watched.told()) == 2
    await watched.move(_OLD)
    async with watched.database.write() as connection:
        await outbox.forget_old(connection, 30.0)
    assert [one.state for one in await watched.told()] == [DeliveryState.PENDING]


async def test_a_deleted_job_leaves_no_row(watched: Watched) -> None:
    kept, deleted = await watched.job(), await watched.job()
    await watched.cancel(kept, deleted)
    async with watched.database.write() as connection:
        await removal.mark_deleted(connection, deleted)
    assert [one.job_id for one in await watched.claim()] == [kept]
    await watched.move(_LONG_DELETED, by_id=kept)
    async with watched.database.write() as connection:
        await removal.purge_jobs(connection, [kept])
    assert await watched.told() == []
