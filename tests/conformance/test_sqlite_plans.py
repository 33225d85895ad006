"""SQLite knows which index is of no use, once there are many rows."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.backlog import STUB, Audio, insert_jobs
from bench.database import SqliteTables
from dalston.db.compiled import entries, rank, reading, transcripts
from dalston.db.journal import note
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.db.statements import Statement

HOT = {
    "statuses of some jobs": reading.STATUSES,
    "dependents of a task": entries.DEPENDENTS,
    "last rank of a job": rank.LAST_OF_JOB,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "dalston.db"
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    with closing(SqliteTables(path)) as tables:
        insert_jobs(tables, STUB, 2000, Audio("jobs/x/audio/original.wav", 1))
    async with database.write() as connection:
        await note(connection, "job_000000000000", None, "nothing")
    await database.close()


def plan_of(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    compiled = statement.sqlite
    nothing = [None] * compiled.sql.count("?")
    found = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", nothing).fetchall()
    return [row[3] for row in found]


@pytest.mark.parametrize("statement", HOT.values(), ids=HOT.keys())
def test_a_few_rows_are_found_by_what_they_are_called(path: Path, statement: Statement) -> None:
    with closing(sqlite3.connect(path)) as connection:
        plan = plan_of(connection, statement)
    # These hold for nearly all rows.
    bad = ("ix_jobs_deleted", "ix_tasks_status_completed", "ix_tasks_engine_status_rank")
    assert not [step for step in plan if any(name in step for name in bad)], plan


def test_completed_jobs_are_not_all_read_for_those_without_an_object(
    path: Path, tmp_path: Path
) -> None:
    shutil.copy(path, tmp_path / "completed.db")
    with closing(sqlite3.connect(tmp_path / "completed.db")) as connection:
        moment = "2026-01-01 00:00:00.000000"
        connection.execute(
            "UPDATE jobs SET status = 'completed', completed_at = ?, transcript_path = 'x'",
            [moment],
        )
        connection.execute("ANALYZE")
        plan = plan_of(connection, transcripts.WITHOUT_OBJECT)
    assert any("ix_jobs_without_transcript_object" in step for step in plan), plan
