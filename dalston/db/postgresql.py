"""Connections to PostgreSQL; everything about its driver is in here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from dalston.common.errors import ConfigurationError
from dalston.db.statements import Connection, Parameters, Row, Statement, chunks

_CONNECTIONS = 10
_LEND_SECONDS = 10.0
"""How long to wait for a connection that others use."""
_CONNECT_SECONDS = 5.0
_STATEMENT_SECONDS = 30.0
_PREPARED_STATEMENTS = 500
"""That a connection keeps: more than there are."""
_PASSING = ("08", "28", "40", "53", "57", "25006", "25P03", "25P04", "3D000", "55P03")
"""What PostgreSQL's SQLSTATEs begin with that people mend behind the server's back.

Classes: connection, authorization, rollback, lack of resources, operator's intervention. Whole
ones: a primary that may only read, as after a failover; a transaction that took longer than the
server allows, as a whole or between two statements; a database that isn't there; a lock that
somebody held for longer than the server lets one wait.
"""


class PostgreSQLConnection(Connection):
    """A connection of asyncpg."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        super().__init__()
        self._driver = driver

    async def fetch(self, statement: Statement, **parameters: object) -> list[Row]:
        """Run a statement and return its rows."""
        compiled = statement.postgresql
        return compiled.rows(await self._driver.fetch(compiled.sql, *compiled.values(parameters)))

    async def run_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each row of parameters, thousands on one trip."""
        compiled = statement.postgresql
        if len(rows) == 1:
            await self._driver.fetch(compiled.sql, *compiled.values(rows[0]))
            return
        for some in chunks(rows):
            await self._driver.executemany(compiled.sql, [compiled.values(row) for row in some])

    async def script(self, sql: str) -> None:
        """Run a statement that has neither parameters nor rows."""
        await self._driver.execute(sql)


class PostgreSQLPool:
    """Connections of asyncpg, opened when they are needed.

    Args:
        dsn: The database's URL.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend a connection."""
        pool = await self._open()
        async with pool.acquire(timeout=_LEND_SECONDS) as driver:
            yield PostgreSQLConnection(driver)

    @asynccontextmanager
    async def lend_for_reading(self) -> AsyncIterator[Connection]:
        """Lend a connection all of whose questions are answered as of one moment."""
        pool = await self._open()
        async with (
            pool.acquire(timeout=_LEND_SECONDS) as driver,
            driver.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield PostgreSQLConnection(driver)

    @asynccontextmanager
    async def lend_for_writing(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction."""
        pool = await self._open()
        async with pool.acquire(timeout=_LEND_SECONDS) as driver, driver.transaction():
            connection = PostgreSQLConnection(driver)
            yield connection
            await connection.flush()

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=_CONNECTIONS,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_STATEMENT_SECONDS,
                    statement_cache_size=_PREPARED_STATEMENTS,
                    max_cached_statement_lifetime=0,
                    connect=_connect,
                    init=_read_json,
                    # Nothing of ours outlives a transaction, so there is nothing to reset.
                    reset=_nothing_to_reset,
                )
            return self._pool

    async def wipe(self) -> bool:
        """Leave that to the server's own vacuum, which nobody can hurry for a moment's work."""
        return True

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.close()

    @staticmethod
    def is_passing(error: Exception) -> bool:
        """Tell whether an error is of the moment: the same statement may work later."""
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            # A migration beside us: the driver has just forgotten what it knew of the tables.
            return True
        if isinstance(error, asyncpg.PostgresError):
            return (error.sqlstate or "").startswith(_PASSING)
        if isinstance(error, asyncpg.InternalClientError):
            # A line that breaks in the middle of a statement, found by the one after it.
            return True
        if isinstance(error, asyncpg.InterfaceError):
            # A value that the driver can't send is wrong for ever; a broken connection is not.
            return not isinstance(error, ValueError | TypeError)
        return isinstance(error, OSError | TimeoutError)


async def _connect(*given: Any, **named: Any) -> asyncpg.Connection:  # noqa: ANN401 - the pool's own
    try:
        return await asyncpg.connect(*given, **named)
    except asyncpg.ClientConfigurationError as error:
        # Its text names a parameter, never the password.
        raise ConfigurationError(f"DATABASE_URL can't be used: {error}. Correct it.") from None
    except UnicodeError:
        # A host with an empty or a too long part doesn't get as far as being looked up.
        raise ConfigurationError("DATABASE_URL has a host that is no name. Correct it.") from None


async def _read_json(driver: asyncpg.Connection) -> None:
    await driver.set_type_codec(
        "json", schema="pg_catalog", encoder=str, decoder=msgspec.json.decode
    )


async def _nothing_to_reset(driver: asyncpg.Connection) -> None:
    del driver
