"""PostgreSQL that can be reached and refuses: requests get 503, and `/health/ready` says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dalston.common.errors import DatabaseUnavailableError
from dalston.db import sightings
from dalston.db.migrate import migrate
from dalston.db.session import Database
from tests.support.distributed import database as fresh_database
from tests.support.distributed import distributed, postgresql_server
from tests.support.peaks import only_to_be_read
from tests.support.stack import TRANSCRIPTIONS, running
from tests.support.waiting import until


def without_its_database(url: str) -> str:
    return f"{url}_gone"


def with_another_password(url: str) -> str:
    return url.replace("@", "-of-old@", 1)


def that_may_only_read(url: str) -> str:
    name = urlsplit(url).path.removeprefix("/")
    postgresql_server().execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    return url


async def take_turn(url: str) -> None:
    database = Database(url)
    try:
        await written(database)
    finally:
        await database.close()


async def written(database: Database) -> None:
    async with database.write() as connection:
        await sightings.take_turn(connection, "anything", 1.0)


async def make_tables(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


async def test_sqlite_that_could_only_be_read_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "dalston.db"
    await make_tables(f"sqlite:///{path}")
    database = Database(f"sqlite:///{path}")
    try:
        with only_to_be_read(path) as refuses:
            if not refuses:
                pytest.skip("only root may have a file refuse to be written")
            with pytest.raises(DatabaseUnavailableError):
                await written(database)
        await written(database)
    finally:
        await database.close()


@pytest.mark.parametrize(
    "change", [without_its_database, with_another_password, that_may_only_read]
)
def test_what_people_mend_may_work_later(change: Callable[[str], str]) -> None:
    with fresh_database() as url:
        asyncio.run(make_tables(url))
        with pytest.raises(DatabaseUnavailableError):
            asyncio.run(take_turn(change(url)))


def test_a_database_that_was_dropped_is_told_as_unavailable(tmp_path: Path) -> None:
    with distributed(tmp_path) as deployment, running(deployment) as stack:
        stack.migrate()
        stack.gateway()
        name = urlsplit(deployment.database_url).path.removeprefix("/")
        postgresql_server().execute(f"DROP DATABASE {name} WITH (FORCE)")
        try:
            until(
                lambda: stack.client.get("/health/ready").status_code != httpx.codes.OK,
                "the database to be missed",
            )
            ready = stack.client.get("/health/ready")
            listed = stack.client.get(TRANSCRIPTIONS)
        finally:
            postgresql_server().execute(f"CREATE DATABASE {name}")
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert ready.json()["checks"]["database"]["status"] == "unavailable"
    assert listed.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert listed.headers["Retry-After"]
