"""The migrations lead to what the code declares, and the code refuses any other schema."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from dalston.common.errors import SchemaVersionError
from dalston.db.migrate import alembic_config, migrate
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.session import Database
from dalston.db.tables import metadata
from tests.support.deployment import Deployment


@pytest.fixture
async def database(deployment: Deployment) -> AsyncIterator[Database]:
    database = Database(deployment.database_url)
    yield database
    await database.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_migrations_lead_to_the_declared_tables(database: Database) -> None:
    assert await migrate(database)
    assert not await migrate(database)

    engine = create_async_engine(database.url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_down_and_up_again(database: Database) -> None:
    await migrate(database)
    config = alembic_config(database.url)
    await asyncio.to_thread(command.downgrade, config, "base")
    assert await database.revision() is None
    assert await migrate(database)
    await database.require_schema()


def test_the_code_is_written_for_the_newest_migration(deployment: Deployment) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(Database(deployment.database_url).url))
    assert scripts.get_heads() == [SCHEMA_REVISION]


async def test_another_schema_is_refused_with_the_command_to_run(database: Database) -> None:
    with pytest.raises(SchemaVersionError, match="Run: dalston migrate"):
        await database.require_schema()
    await migrate(database)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
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
