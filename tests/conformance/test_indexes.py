"""What the sweep asks each second is looked up, however many jobs there have ever been."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import pytest

from dalston.db.compiled import outbox, overdue, reading, removal, webhooks, work
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.db.statements import Statement
from tests.support.distributed import database


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A PostgreSQL with the tables: SQLite looks up whatever names no column."""
    with database() as url:
        asyncio.run(migrated(url))
        yield url


async def migrated(url: str) -> None:
    opened = Database(url)
    await migrate(opened)
    await opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        overdue.LATE_JOBS,
        removal.SETTLED,
        work.CANCELLED,
        outbox.ANY_DUE,
        outbox.DUE,
        outbox.FORGET_OLD,
    ],
)
async def test_a_moment_is_a_condition_of_the_index(
    database_url: str, statement: Statement
) -> None:
    assert "timestamp()" in await condition_of_index(database_url, statement)


@pytest.mark.parametrize(
    "statement",
    [reading.LIST[False, True], reading.LIST[True, True], webhooks.PAGES["before",]],
    ids=["jobs", "jobs of a status", "deliveries"],
)
async def test_a_page_is_not_searched_for_from_the_first_one(
    database_url: str, statement: Statement
) -> None:
    assert "ROW(" in await condition_of_index(database_url, statement)


async def condition_of_index(url: str, statement: Statement) -> str:
    """Return what the first index of a statement's plan is searched for."""
    compiled = statement.postgresql
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        names = {"limit": 10, "skipped": 0, "within": 60, "seconds": 60.0, "busy": []}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        names |= {"owner": "ada", "status": "failed", "created_at": moment, "job_id": "job_0"}
        names |= {"before": moment, "before_id": "msg_0"}
        rows = await connection.fetch(f"EXPLAIN {compiled.sql}", *compiled.values(names))
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Index Cond" in plan
    return plan.partition("Index Cond")[2].partition("\n")[0]
