"""The database from a URL: one pool, read and write transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dalston.common.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    SchemaVersionError,
)
from dalston.db.revision import SCHEMA_REVISION

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}
_WRITES = "dalston_writes"
_PASSING_CLASSES = ("08", "40", "53", "57")
"""Of PostgreSQL's SQLSTATEs: connection, rollback, lack of resources, operator's intervention."""


def driver_url(url: str) -> URL:
    """Return a database URL, as people write it, with our driver.

    Args:
        url: `postgresql://user:password@host:5432/name` or `sqlite:///file`.

    Raises:
        ConfigurationError: Neither of these.
    """
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise ConfigurationError("DATABASE_URL is not a URL.") from None
    name = parsed.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise ConfigurationError(
            f"DATABASE_URL begins with {name}://; use postgresql:// or sqlite:///."
        )
    return parsed.set(drivername=_DRIVERS[name])


class Database:
    """One pool of connections for the process's life."""

    def __init__(self, url: str) -> None:
        self.url = driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _create(self.url, is_sqlite=self.is_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that changes nothing.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with _translated():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        SQLite takes its one write lock at the beginning: a transaction that reads first and
        writes later would otherwise fail at once whenever another one writes.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with _translated():
            async with self._engine.connect() as connection:
                await connection.execution_options(**{_WRITES: True})
                async with connection.begin():
                    yield connection

    async def check(self) -> None:
        """Find out whether the database answers."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def revision(self) -> str | None:
        """Return the schema's revision, or None for an empty database."""
        async with self.read() as connection:
            there = await connection.run_sync(_has_revision_table)
            if not there:
                return None
            row = (
                await connection.execute(text("SELECT version_num FROM alembic_version"))
            ).first()
            return None if row is None else str(row[0])

    async def require_schema(self) -> None:
        """Refuse a schema that this code is not written for.

        Raises:
            SchemaVersionError: Says which command to run.
        """
        found = await self.revision()
        if found != SCHEMA_REVISION:
            raise schema_error(found)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def schema_error(found: str | None) -> SchemaVersionError:
    """Return the error for a schema that this code is not written for."""
    if found is not None and found > SCHEMA_REVISION:
        return SchemaVersionError(
            f"The database's schema is {found}, from a newer version; this one knows "
            f"{SCHEMA_REVISION}. Install the newer version again."
        )
    return SchemaVersionError(
        f"The database's schema is {found or 'empty'}, this version needs {SCHEMA_REVISION}. "
        f"Run: dalston migrate"
    )


def _has_revision_table(connection: Connection) -> bool:
    return connection.dialect.has_table(connection, "alembic_version")


class _translated:  # noqa: N801 - reads as a verb in `with _translated():`
    """Turns the driver's ways to say that the database is gone into one error."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        gone = isinstance(error, OSError | PoolTimeoutError | InterfaceError | OperationalError)
        lost = isinstance(error, DBAPIError) and (
            error.connection_invalidated or _is_passing(error)
        )
        if gone or lost:
            raise DatabaseUnavailableError(
                "The database can't be used now. Try again later; /health/ready says which "
                "part is down."
            ) from error


def _is_passing(error: DBAPIError) -> bool:
    """Tell by its SQLSTATE whether an error is of the moment: the same statement may work later."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state.startswith(_PASSING_CLASSES)


def _create(url: URL, *, is_sqlite: bool) -> AsyncEngine:
    if not is_sqlite:
        return create_async_engine(
            url,
            pool_size=10,
            max_overflow=10,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"timeout": 5, "command_timeout": 30},
        )
    engine = create_async_engine(
        url, pool_size=5, max_overflow=5, pool_timeout=30, connect_args={"timeout": 30}
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's types
    # The driver must not begin transactions by itself: `_begin_sqlite` says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
