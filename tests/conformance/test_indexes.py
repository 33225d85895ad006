"""What the sweep asks each second is looked up, however many jobs there have ever been."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from dalston.db.compiled import outbox, overdue, removal, work
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
    compiled = statement.postgresql
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        names = {"limit": 10, "skipped": 0, "within": 60, "seconds": 60.0, "busy": []}
        rows = await connection.fetch(f"EXPLAIN {compiled.sql}", *compiled.values(names))
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Index Cond" in plan
    assert "timestamp()" in plan.partition("Index Cond")[2].partition("\n")[0], plan
