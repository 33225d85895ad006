"""The database from a URL: one pool, read and write transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import String, column, func, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from dalston.common.errors import ConfigurationError, SchemaVersionError
from dalston.db.pools import Pool, translated
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.statements import Connection, Statement
from dalston.db.tables import DatabaseNow

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}
_VERSION_TABLE = "alembic_version"
_NOW = Statement(select(DatabaseNow().label("now")))
_VERSION = Statement(select(table(_VERSION_TABLE, column("version_num", String)).c.version_num))
_HAS_VERSION_TABLE = {
    "postgresql": Statement(select(func.to_regclass(_VERSION_TABLE).is_not(None).label("there"))),
    "sqlite": Statement(
        select(func.count().label("there"))
        .select_from(table("sqlite_master", column("name", String)))
        .where(column("name", String) == _VERSION_TABLE)
    ),
}


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
        self.kind = self.url.get_backend_name()
        self._pool = _open_pool(self.url)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Lend a connection for questions; each sees what is committed when it is asked.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with translated(self._pool.is_passing):
            async with self._pool.lend() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with translated(self._pool.is_passing):
            async with self._pool.lend_for_writing() as connection:
                yield connection

    async def check(self) -> None:
        """Find out whether the database answers."""
        async with self.read() as connection:
            await connection.fetch(_NOW)

    async def revision(self) -> str | None:
        """Return the schema's revision, or None for an empty database."""
        async with self.read() as connection:
            found = await connection.fetch_one(_HAS_VERSION_TABLE[self.kind])
            if found is None or not found.there:
                return None
            row = await connection.fetch_one(_VERSION)
            return None if row is None else str(row.version_num)

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
        await self._pool.close()


def _open_pool(url: URL) -> Pool:
    # Each driver is loaded only by who uses it: together they take seven megabytes.
    if url.get_backend_name() == "sqlite":
        from dalston.db.sqlite import SQLitePool  # noqa: PLC0415

        return SQLitePool(url)
    from dalston.db.postgresql import PostgreSQLPool  # noqa: PLC0415

    return PostgreSQLPool(url)


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
