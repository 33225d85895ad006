"""SQLite knows which index is of no use, once there are many rows."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.backlog import STUB, Audio, insert_jobs
from bench.database import SqliteTables
from dalston.db import sqlite
from dalston.db.compiled import entries, rank, reading, transcripts, usage, webhooks
from dalston.db.journal import note
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.db.statements import SQL, Column, Connection, Constant, Statement

HOT = {
    "some jobs": reading.OWNED_JOBS,
    "statuses of some jobs": reading.STATUSES,
    "finished chunks of some jobs": reading.FINISHED_CHUNKS,
    "lengths of some jobs": usage.PARTS,
    "dependents of a task": entries.DEPENDENTS,
    "last rank of a job": rank.LAST_OF_JOB,
}


USELESS = (
    "ix_jobs_deleted",
    "ix_jobs_owner_created",
    "ix_jobs_owner_status",
    "ix_tasks_status_completed",
    "ix_tasks_engine_status_rank",
)
"""What these have one value for holds for nearly all rows."""


class Grown(NamedTuple):
    """A database that grew while it was in use.

    Attributes:
        path: Its file.
        plans: Of each statement, as the connections have them that were open before.
    """

    path: Path
    plans: Mapping[str, Sequence[str]]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    path = tmp_path_factory.mktemp("sqlite") / "dalston.db"
    return Grown(path, asyncio.run(_grow(path)))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{path}")
    try:
        yield database
    finally:
        await database.close()


async def _grow(path: Path) -> dict[str, list[str]]:
    async with opened(path) as database:
        await migrate(database)
        await _ask_on_two_connections(database)
        with closing(SqliteTables(path)) as tables:
            insert_jobs(tables, STUB, 2000, Audio("jobs/x/audio/original.wav", 1))
        async with database.write() as connection:
            await note(connection, "job_000000000000", None, "nothing")
        return await _ask_on_two_connections(database)


async def _ask_on_two_connections(database: Database) -> dict[str, list[str]]:
    async with database.read() as one, database.read() as other:
        return {
            name: [*await plan_of(one, statement), *await plan_of(other, statement)]
            for name, statement in HOT.items()
        }


async def plan_of(connection: Connection, statement: Statement) -> list[str]:
    """Return how SQLite would run a statement."""
    text = statement.written["sqlite"].text
    explained = SQL(f"EXPLAIN QUERY PLAN {text}", (Constant(None),) * text.count("?"))
    columns = [Column(name) for name in ("id", "parent", "unused", "detail")]
    asked = Statement(columns=columns, postgresql=explained, sqlite=explained)
    return [row.detail for row in await connection.fetch(asked)]


@pytest.mark.parametrize("name", HOT)
def test_a_few_rows_are_found_by_what_they_are_called(grown: Grown, name: str) -> None:
    plan = grown.plans[name]
    assert not [step for step in plan if any(index in step for index in USELESS)], plan


async def test_what_another_process_has_found_out_is_read_some_time(
    grown: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "changed.db"
    shutil.copy(grown.path, path)
    async with opened(path) as database:
        async with database.read() as connection:
            before = await plan_of(connection, reading.STATUSES)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM sqlite_stat1 WHERE tbl = 'jobs'")
        async with database.read() as connection:
            assert await plan_of(connection, reading.STATUSES) == before
        monkeypatch.setattr(sqlite, "_LOOK_AGAIN_SECONDS", 0.0)
        async with database.read() as connection:
            assert await plan_of(connection, reading.STATUSES) != before


async def test_lengths_are_found_by_their_jobs_before_anything_is_known_of_tables(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "new.db") as database:
        await migrate(database)
        async with database.read() as connection:
            plan = await plan_of(connection, usage.PARTS)
    assert not [step for step in plan if "ix_tasks_status_completed" in step], plan


_AS_OF_A_YEAR = "UPDATE sqlite_stat1 SET stat = '200000' || substr(stat, instr(stat, ' '))"
"""What SQLite finds when it looks at a thousand rows of each index of many more."""


@pytest.mark.parametrize("more", ["", _AS_OF_A_YEAR], ids=["some jobs", "jobs of a year"])
async def test_completed_jobs_are_not_all_read_for_those_without_an_object(
    grown: Grown, tmp_path: Path, more: str
) -> None:
    path = tmp_path / "completed.db"
    shutil.copy(grown.path, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        moment = "2026-01-01 00:00:00.000000"
        connection.execute(
            "UPDATE jobs SET status = 'completed', completed_at = ?, transcript_path = 'x'",
            [moment],
        )
        connection.execute("PRAGMA analysis_limit = 1000")
        connection.execute("ANALYZE")
        connection.execute(more)
    async with opened(path) as database, database.read() as asking:
        plan = await plan_of(asking, transcripts.WITHOUT_OBJECT)
    assert any("ix_jobs_without_transcript_object" in step for step in plan), plan


@pytest.mark.parametrize(
    "statement",
    [reading.LIST[False, True], reading.LIST[True, True], webhooks.PAGES["before",]],
    ids=["jobs", "jobs of a status", "deliveries"],
)
async def test_a_page_is_not_searched_for_from_the_first_one(
    grown: Grown, statement: Statement
) -> None:
    async with opened(grown.path) as database, database.read() as connection:
        plan = await plan_of(connection, statement)
    assert "(created_at,id)<(?,?)" in plan[0], plan
    assert not [step for step in plan if "ORDER BY" in step], plan


async def test_what_owners_have_of_an_engine_is_not_found_by_all_jobs(grown: Grown) -> None:
    async with opened(grown.path) as database, database.read() as connection:
        plan = await plan_of(connection, entries.SHARED)
    assert not [step for step in plan if step.startswith(("SCAN jobs", "SCAN tasks"))], plan
