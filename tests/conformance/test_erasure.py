"""What was deleted is gone from the database too, also from what its files have beside the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiosqlite
import msgspec
import pytest
from sqlalchemy import select, update

from dalston.common.access import LOCAL_OWNER
from dalston.common.models import new_job_id
from dalston.db import jobs as transitions
from dalston.db import removal
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, idempotency_keys
from dalston.db.idempotency import IdempotencyKey, remember_keys
from dalston.db.locking import lock
from dalston.db.session import Database
from dalston.orchestrator.housekeeping import Housekeeping
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts
from tests.support.board import Board, new_job
from tests.support.deployment import Deployment

SAID = "Zacharias has a hypertonia"
_DAY = 24 * 3600
_KEYS = compile_statement(select(idempotency_keys.c.key))
_AGE = compile_statement(
    update(idempotency_keys)
    .where(idempotency_keys.c.key == "old")
    .values(created_at=DatabaseAgo(_DAY + 5))
)
_JOBS = 50
"""Enough for pages that are given up whole."""


@pytest.fixture
async def database(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """The board's database, by a build of SQLite that leaves what is deleted where it is."""
    if deployment.name != "embedded":
        pytest.skip("PostgreSQL's files are its own")
    connect = aiosqlite.connect

    async def connect_by_plain_build(path: str, *, isolation_level: None) -> aiosqlite.Connection:
        driver = await connect(path, isolation_level=isolation_level)
        await driver.execute_fetchall("PRAGMA secure_delete=OFF")
        return driver

    monkeypatch.setattr(aiosqlite, "connect", connect_by_plain_build)
    database = Database(deployment.database_url)
    yield database
    await database.close()


def files_with(deployment: Deployment, text: str) -> list[str]:
    """Return the files of the database in which a text stands, be it in a row or not."""
    files = Path(deployment.folder).glob("dalston.db*")
    return sorted(path.name for path in files if text.encode() in path.read_bytes())


async def delete_long_ago(database: Database) -> None:
    jobs = [
        msgspec.structs.replace(new_job(new_job_id()), filename=SAID, parameters={"prompt": SAID})
        for _ in range(_JOBS)
    ]
    job_ids = sorted(job.id for job in jobs)
    async with database.write() as connection:
        await transitions.create_jobs(connection, jobs)
    async with database.write() as connection:
        locked = await lock(connection, job_ids)
        await transitions.cancel_jobs(connection, locked, job_ids)
        for job_id in job_ids:
            await removal.mark_deleted(connection, job_id)
        await connection.script(
            "UPDATE jobs SET deleted_at = '2020-01-01 00:00:00.000000' WHERE deleted_at IS NOT NULL"
        )


async def test_nothing_of_a_purged_job_is_left_in_the_files_of_the_database(
    parts: Parts, board: Board, database: Database, deployment: Deployment
) -> None:
    await delete_long_ago(database)
    assert files_with(deployment, SAID)
    # As the gateway's, it is still open, and so keeps the log from being removed.
    assert (await board.job()).id == board.job_id

    await Orchestrator(replace(parts, database=database))._sweep._purge()

    assert files_with(deployment, SAID) == []


async def test_what_could_not_be_wiped_is_wiped_later(
    parts: Parts, board: Board, database: Database, deployment: Deployment
) -> None:
    sweep = Orchestrator(replace(parts, database=database))._sweep
    await sweep._purge()
    await delete_long_ago(database)
    async with board.database.read() as reader:
        await reader.script("BEGIN")
        await reader.fetch(_KEYS)
        await sweep._purge()
        assert files_with(deployment, SAID)
        await reader.script("COMMIT")

    await sweep._purge()

    assert files_with(deployment, SAID) == []


async def test_idempotency_keys_are_forgotten_though_nobody_sends_another(
    parts: Parts, board: Board
) -> None:
    keys = [IdempotencyKey(LOCAL_OWNER, key, "0" * 64, board.job_id) for key in ("new", "old")]
    async with board.database.write() as connection:
        await remember_keys(connection, keys, [])
        await connection.fetch(_AGE)

    await Housekeeping(parts).run()

    async with board.database.read() as connection:
        assert [row.key for row in await connection.fetch(_KEYS)] == ["new"]
