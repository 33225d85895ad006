"""The database from a URL: one pool, read and write transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dalston.common.errors import DatabaseUnavailableError, SchemaVersionError
from dalston.db.compiled import session as sql
from dalston.db.pools import Pool, translated
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.statements import Connection
from dalston.db.url import DatabaseURL, read_url


class Database:
    """One pool of connections for the process's life."""

    def __init__(self, url: str) -> None:
        self.url = read_url(url)
        self.kind = self.url.kind
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
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Lend a connection for several questions about the same things, seen as of one moment.

        Otherwise what is committed between two of them makes answers that don't fit together.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with translated(self._pool.is_passing):
            async with self._pool.lend_for_reading() as connection:
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

    async def wipe(self) -> bool:
        """Have nothing of deleted rows left in the database's files, as far as that is ours to do.

        Returns:
            Whether it is done; if not, others were at work, and it has to be asked for again.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        with translated(self._pool.is_passing):
            return await self._pool.wipe()

    async def check(self) -> None:
        """Find out whether the database answers, and not as a standby does.

        Raises:
            DatabaseUnavailableError: It doesn't, or can only be read.
        """
        async with self.read() as connection:
            found = await connection.fetch_one(sql.IS_READ_ONLY[self.kind])
        if found is not None and found.read_only:
            raise DatabaseUnavailableError(
                "The database can only be read, as a standby can. Make it the primary, or point "
                "DATABASE_URL at the one that is."
            )

    async def revision(self) -> str | None:
        """Return the schema's revision, or None for an empty database."""
        async with self.read() as connection:
            found = await connection.fetch_one(sql.HAS_VERSION_TABLE[self.kind])
            if found is None or not found.there:
                return None
            row = await connection.fetch_one(sql.VERSION)
            return None if row is None else str(row.version_num)

    async def is_current(self) -> bool:
        """Tell whether the schema is the one that this code is written for."""
        return await self.revision() == SCHEMA_REVISION

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


def _open_pool(url: DatabaseURL) -> Pool:
    # Each driver is loaded only by who uses it: together they take seven megabytes.
    if url.kind == "sqlite":
        from dalston.db.sqlite import SQLitePool  # noqa: PLC0415

        return SQLitePool(url.path)
    from dalston.db.postgresql import PostgreSQLPool  # noqa: PLC0415

    return PostgreSQLPool(url.dsn)


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
