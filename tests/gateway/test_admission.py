"""What is decided about a job in the transaction that writes it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Float, bindparam, update

from dalston.common.access import LOCAL_OWNER, Limits
from dalston.common.errors import (
    DatabaseUnavailableError,
    IdempotencyKeyReusedError,
    TooManyJobsError,
)
from dalston.common.models import Job
from dalston.db.admission import Applicant, Repeats
from dalston.db.definitions import tables
from dalston.db.definitions.compiling import compile_statement
from dalston.db.idempotency import IdempotencyKey
from dalston.gateway.parts import Parts
from dalston.gateway.services.acceptance import Acceptance, Accepted
from tests.support.gateway import WatchedDatabase, recordings, stored_job

_BECOME = compile_statement(
    update(tables.jobs).values(
        status=bindparam("by_status"),
        completed_at=tables.DatabaseAgo(bindparam("by_seconds", type_=Float)),
    )
)
_AGE = compile_statement(
    update(tables.idempotency_keys).values(
        created_at=tables.DatabaseAgo(bindparam("by_seconds", type_=Float))
    )
)


def named(job: Job, content: str = "same") -> Applicant:
    return Applicant(job, key=IdempotencyKey(LOCAL_OWNER, "k", content, job.id))


def by_content(job: Job, repeats: Repeats) -> Applicant:
    key = IdempotencyKey.of_content(LOCAL_OWNER, "same", job.id)
    return Applicant(job, key=key, repeats=repeats)


async def test_after_a_lost_answer_the_same_key_gets_the_same_job(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    """As when the gateway dies between the commit and its answer."""
    first, second = await stored_job(parts), await stored_job(parts)
    database.loses_answers = True
    with pytest.raises(DatabaseUnavailableError):
        await acceptance.accept(named(first))
    database.loses_answers = False

    accepted = await acceptance.accept(named(second))

    assert accepted.replayed
    assert accepted.job.id == first.id
    assert await recordings(parts) == {first.id}


async def test_what_is_not_committed_is_not_remembered(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    first, second = await stored_job(parts), await stored_job(parts)
    database.may_commit.clear()
    refused = asyncio.create_task(acceptance.accept(named(first)))
    await database.in_transaction.wait()
    acceptance._jobs._worker.cancel()  # type: ignore[union-attr]  # as a process that is killed
    database.may_commit.set()
    with pytest.raises(asyncio.CancelledError):
        await refused
    assert not (await acceptance.accept(named(second))).replayed


async def test_one_batch_holds_the_same_key_many_times(
    acceptance: Acceptance, parts: Parts, database: WatchedDatabase
) -> None:
    jobs = [await stored_job(parts) for _ in range(6)]
    database.may_commit.clear()
    held = asyncio.create_task(acceptance.accept(Applicant(jobs[0])))
    await database.in_transaction.wait()
    others = [asyncio.create_task(acceptance.accept(named(job))) for job in jobs[1:5]]
    different = asyncio.create_task(acceptance.accept(named(jobs[5], content="other")))
    database.may_commit.set()
    answers = await asyncio.gather(held, *others, different, return_exceptions=True)

    assert database.writes == 2
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert {answer.job.id for answer in accepted} == {jobs[0].id, jobs[1].id}
    assert [answer.replayed for answer in accepted] == [False, False, True, True, True]
    assert isinstance(answers[5], IdempotencyKeyReusedError)
    assert await recordings(parts) == {jobs[0].id, jobs[1].id}


@pytest.mark.parametrize(
    ("status", "ended", "joins"),
    [("completed", 0, True), ("completed", 2, False), ("running", 2, True), ("failed", 0, False)],
)
async def test_a_clients_own_retry_joins_what_it_can_have_sent(
    acceptance: Acceptance, parts: Parts, status: str, ended: int, *, joins: bool
) -> None:
    first, second = await stored_job(parts), await stored_job(parts)
    await acceptance.accept(by_content(first, Repeats.FIRST))
    async with parts.database.write() as connection:
        await connection.fetch(_BECOME, by_status=status, by_seconds=3600.0 * ended)
        # However long it took.
        await connection.fetch(_AGE, by_seconds=3600.0 * 5)

    accepted = await acceptance.accept(by_content(second, Repeats.AGAIN))

    assert accepted.replayed is joins
    assert accepted.job.id == (first.id if joins else second.id)


async def test_jobs_of_one_batch_count_for_the_limit(acceptance: Acceptance, parts: Parts) -> None:
    jobs = [await stored_job(parts) for _ in range(10)]
    answers = await asyncio.gather(
        *(acceptance.accept(Applicant(job, Limits(running_jobs=4))) for job in jobs),
        return_exceptions=True,
    )
    accepted = [answer.job.id for answer in answers if isinstance(answer, Accepted)]
    assert len(accepted) == 4
    assert sum(isinstance(answer, TooManyJobsError) for answer in answers) == 6
    assert await recordings(parts) == set(accepted)


async def test_a_job_without_terms_costs_no_statement_more(
    acceptance: Acceptance, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dalston.db import admission

    asked: list[object] = []

    async def watched(*arguments: object) -> dict[str, object]:
        asked.append(arguments)
        return {}

    for name in ("hold_usage", "known_keys", "owned_jobs"):
        monkeypatch.setattr(admission, name, watched)
    plain = Limits(requests_per_minute=5, upload_bytes=10)
    await acceptance.accept(Applicant(await stored_job(parts), plain))
    assert asked == []
