"""The migrations lead to what the code declares, and the code refuses any other schema."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from dalston.common.errors import ConfigurationError, SchemaVersionError
from dalston.db.definitions.tables import metadata
from dalston.db.migrate import alembic_config, engine_url, migrate
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.session import Database
from dalston.db.url import DatabaseURL
from tests.support.deployment import Deployment, embedded
from tests.support.distributed import distributed
from tests.support.schema import Described, contents, describe, fill

Result = TypeVar("Result")


@pytest.fixture
async def database(deployment: Deployment) -> AsyncIterator[Database]:
    database = Database(deployment.database_url)
    yield database
    await database.close()


async def on(url: DatabaseURL, call: Callable[[Connection], Result]) -> Result:
    """Look at a database without the code that is tested."""
    engine = create_async_engine(engine_url(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(call)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def revisions(database: Database) -> list[str]:
    """Return all revisions, the first one first."""
    scripts = ScriptDirectory.from_config(alembic_config(database.url))
    return [script.revision for script in scripts.walk_revisions()][::-1]


async def move(database: Database, call: Callable[..., None], revision: str) -> None:
    await asyncio.to_thread(call, alembic_config(database.url), revision)


async def test_migrations_lead_to_the_declared_tables(database: Database) -> None:
    assert await migrate(database)
    assert not await migrate(database)

    assert await on(database.url, differences) == []


async def test_up_down_and_up_again_on_filled_tables(database: Database) -> None:
    """Each step finds rows in every table, of the revision before; what has a place keeps it."""
    there: dict[str, list[dict[str, object]]] = {}
    for number, revision in enumerate(revisions(database)):
        await move(database, command.upgrade, revision)
        await keeps(database, there)
        await on(database.url, partial(fill, seed=number))
        there = await on(database.url, contents)
        assert set(there) >= {"jobs", "tasks", "task_edges", "history"}
        assert all(rows for rows in there.values())

    for revision in [*reversed(revisions(database)[:-1]), "base"]:
        await move(database, command.downgrade, revision)
        left = await on(database.url, contents)
        await keeps(database, {name: rows for name, rows in there.items() if name in left})
        there = left
    assert there == {}
    assert await database.revision() is None

    assert await migrate(database)
    await database.require_schema()
    assert await on(database.url, differences) == []
    await on(database.url, partial(fill, seed=0))


async def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(
    database: Database,
) -> None:
    first, last = revisions(database)[2], metadata.tables["abandoned_jobs"].name
    await move(database, command.upgrade, first)
    await on(database.url, lambda c: c.execute(text(f"CREATE TABLE {last} (id INTEGER)")))
    before = await on(database.url, describe)

    with pytest.raises(SQLAlchemyError, match="exists"):
        await migrate(database)

    assert await on(database.url, describe) == before
    assert await database.revision() == first
    await on(database.url, lambda c: c.execute(text(f"DROP TABLE {last}")))
    await migrate(database)
    assert await on(database.url, differences) == []


def test_two_who_migrate_at_once_do_it_once(deployment: Deployment, tmp_path: Path) -> None:
    call, environment = [sys.executable, "-m", "dalston", "migrate"], deployment.environment()
    both = [
        subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, cwd=tmp_path)
        for _ in range(2)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in both]
    assert [status for _, status in ended] == [0, 0], ended


def test_a_table_that_somebody_holds_stops_no_server(deployment: Deployment) -> None:
    if deployment.name == "embedded":
        pytest.skip("SQLite has one writer and no locks of tables")
    asyncio.run(migrate_while_held(deployment.database_url))


async def migrate_while_held(url: str) -> None:
    database, other = Database(url), await asyncpg.connect(url)
    try:
        await move(database, command.upgrade, "0010")
        await other.execute("BEGIN; SELECT count(*) FROM history")
        with pytest.raises(ConfigurationError, match="Another session holds a table"):
            await asyncio.wait_for(migrate(database), 60)
        assert await database.revision() == "0010"
        await other.execute("ROLLBACK")
        assert await migrate(database)
        assert await database.is_current()
    finally:
        await other.close()
        await database.close()


async def keeps(database: Database, before: dict[str, list[dict[str, object]]]) -> None:
    """Find out whether every row of before is there, with the values that still have a column."""
    now = await on(database.url, contents)
    for name, rows in before.items():
        assert len(now[name]) == len(rows), name
        for old, new in zip(rows, now[name], strict=True):
            assert {column: old[column] for column in old.keys() & new.keys()} == {
                column: new[column] for column in old.keys() & new.keys()
            }


def test_both_databases_have_the_same_tables() -> None:
    found: dict[str, dict[str, Described]] = {}
    for open_parts in (embedded, distributed):
        with (
            tempfile.TemporaryDirectory(prefix="dalston-") as folder,
            open_parts(Path(folder)) as parts,
        ):
            found[parts.name] = asyncio.run(described(parts.database_url))

    assert set(found["embedded"]) == {*metadata.tables}
    assert found["embedded"] == found["distributed"]


async def described(url: str) -> dict[str, Described]:
    database = Database(url)
    await migrate(database)
    await database.close()
    return await on(database.url, describe)


def test_the_code_is_written_for_the_newest_migration(deployment: Deployment) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(Database(deployment.database_url).url))
    assert scripts.get_heads() == [SCHEMA_REVISION]


async def test_another_schema_is_refused_with_the_command_to_run(database: Database) -> None:
    with pytest.raises(SchemaVersionError, match="Run: dalston migrate"):
        await database.require_schema()
    await migrate(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await on(database.url, lambda connection: connection.execute(newer))
    with pytest.raises(SchemaVersionError, match="from a newer version"):
        await database.require_schema()
    with pytest.raises(SchemaVersionError, match="from a newer version"):
        await migrate(database)


def test_the_gateway_refuses_an_empty_database(deployment: Deployment, tmp_path: Path) -> None:
    environment = deployment.environment()
    run = [sys.executable, "-m", "dalston"]
    refused = subprocess.run(
        [*run, "gateway", "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert refused.returncode == 2
    assert "Run: dalston migrate" in refused.stderr
    migrated = subprocess.run([*run, "migrate"], env=environment, capture_output=True, check=True)
    assert b"has been migrated" in migrated.stdout
