"""PostgreSQL that can be reached and refuses: requests get 503, and `/health/ready` says why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from dalston.common.errors import DatabaseUnavailableError
from dalston.db import sightings
from dalston.db.migrate import migrate
from dalston.db.postgresql import PostgreSQLPool
from dalston.db.session import Database
from tests.faults.proxy import proxy
from tests.support.distributed import database as fresh_database
from tests.support.distributed import distributed, postgresql_server
from tests.support.peaks import only_to_be_read
from tests.support.stack import TRANSCRIPTIONS, Role, Stack, running
from tests.support.waiting import until

MOST_SECONDS = 5.0


def without_its_database(url: str) -> str:
    return f"{url}_gone"


def with_another_password(url: str) -> str:
    return url.replace("@", "-of-old@", 1)


def that_may_only_read(url: str) -> str:
    set_for(url, "default_transaction_read_only = on")
    return url


def set_for(url: str, setting: str) -> None:
    name = urlsplit(url).path.removeprefix("/")
    postgresql_server().execute(f"ALTER DATABASE {name} SET {setting}")


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


def test_a_lock_that_the_server_lets_nobody_wait_for_is_of_the_moment() -> None:
    with fresh_database() as url:
        asyncio.run(make_tables(url))
        set_for(url, "lock_timeout = 100")
        asyncio.run(take_turn_while_locked(url))


async def take_turn_while_locked(url: str) -> None:
    other = await asyncpg.connect(url)
    try:
        await other.execute("BEGIN; LOCK TABLE sightings IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailableError) as raised:
            await take_turn(url)
    finally:
        await other.close()
    assert "LockNotAvailableError" in repr(raised.value)
    await take_turn(url)


def test_a_migration_beside_the_server_is_of_the_moment() -> None:
    with fresh_database() as url:
        asyncio.run(make_tables(url))
        asyncio.run(take_turns_around_a_migration(url))


async def take_turns_around_a_migration(url: str) -> None:
    database, other = Database(url), await asyncpg.connect(url)
    try:
        await written(database)
        await other.execute("ALTER TABLE sightings ALTER name TYPE text")
        with pytest.raises(DatabaseUnavailableError):
            await written(database)
        await written(database)
    finally:
        await other.close()
        await database.close()


@pytest.mark.parametrize("name", ["IdleInTransactionSessionTimeoutError", "InternalClientError"])
def test_a_transaction_that_the_server_ended_is_of_the_moment(name: str) -> None:
    # Which of a driver's words comes first is a matter of microseconds.
    assert PostgreSQLPool.is_passing(getattr(asyncpg, name)("ended"))


def test_a_database_that_can_only_be_read_is_told_as_that(tmp_path: Path) -> None:
    with distributed(tmp_path) as deployment, running(deployment) as stack:
        stack.migrate()
        that_may_only_read(deployment.database_url)
        stack.gateway()
        ready = stack.client.get("/health/ready")
        refused = stack.client.post(TRANSCRIPTIONS, files={"file": ("a.wav", b"RIFF")})
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "can only be read" in ready.json()["checks"]["database"]["message"]


def test_the_log_says_why_the_database_is_missed(tmp_path: Path) -> None:
    with distributed(tmp_path) as deployment, running(deployment) as stack:
        stack.migrate()
        gateway, orchestrator = stack.gateway(), stack.start("orchestrator")
        until(lambda: orchestrator.logged("orchestrator_ready"), "the orchestrator to be ready")
        name = urlsplit(deployment.database_url).path.removeprefix("/")
        postgresql_server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql_server().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
        )
        until(lambda: told(gateway, "not_ready", stack), "the gateway to say why", 20)
        until(lambda: told(orchestrator, "sweep_step_failed"), "the orchestrator to say why", 20)
        ready = stack.client.get("/health/ready").text
    assert "accepting connections" not in ready


def test_a_dead_connection_to_the_database_keeps_nobody_who_asks(tmp_path: Path) -> None:
    with distributed(tmp_path) as deployment:
        port = urlsplit(deployment.database_url).port or 0
        with proxy(port) as line:
            through = deployment.database_url.replace(f":{port}/", f":{line.port}/")
            with running(replace(deployment, database_url=through)) as stack:
                stack.migrate()
                stack.gateway()
                assert stack.client.get("/health/ready").status_code == httpx.codes.OK
                line.swallow()
                taken = seconds_until_missed(stack)
                line.mend()
                until(lambda: not stack.client.get("/health/ready").is_error, "it to be back", 30)
    # The check's own three seconds, and not the ten of the driver on top of them.
    assert taken < MOST_SECONDS


def seconds_until_missed(stack: Stack) -> float:
    """Return how long the answer took that said so; the ones before were known already."""

    def missed() -> float | None:
        before = time.monotonic()
        is_missed = stack.client.get("/health/ready").is_error
        return time.monotonic() - before if is_missed else None

    return until(missed, "the database to be missed", 30)


def told(role: Role, event: str, stack: Stack | None = None) -> bool:
    """Tell whether a role's log has PostgreSQL's own words."""
    if stack is not None:
        stack.client.get("/health/ready")
    return any("not currently accepting" in line["reason"] for line in role.logged(event))


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
