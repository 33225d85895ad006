"""Connections to SQLite; everything about its driver is in here."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiosqlite

from dalston.db.statements import Connection, Parameters, Row, Statement, chunks

_CONNECTIONS = 5
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""What SQLite says when the same statement may work later. The lowest byte is the kind."""
_KIND = 0xFF
_ANALYZE_EVERY = 1000
"""Transactions that write, after which SQLite looks at the tables again; the first one is such."""
_ANALYZED_ROWS = 1000
_LOOK_AGAIN_SECONDS = 300.0
"""After this a connection reads what other processes have found out about the tables."""
_BUSY_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_BUSY_MILLISECONDS = 30_000
_WIPE_MILLISECONDS = 200
"""How long others may have to wait while the log is emptied."""
_PRAGMAS = (
    # What is committed has been promised to somebody: it is on the disk, whatever loses its power.
    "synchronous=FULL",
    "fullfsync=ON",
    "foreign_keys=ON",
    f"busy_timeout={_BUSY_MILLISECONDS}",
    # What is deleted is overwritten. Some builds of SQLite do so by themselves, others don't.
    "secure_delete=ON",
)


class SQLiteConnection(Connection):
    """A connection of aiosqlite: each call is one trip to its thread."""

    def __init__(self, driver: aiosqlite.Connection) -> None:
        super().__init__()
        self._driver = driver

    async def fetch(self, statement: Statement, **parameters: object) -> list[Row]:
        """Run a statement and return its rows."""
        compiled = statement.sqlite
        found = await self._driver.execute_fetchall(compiled.sql, compiled.values(parameters))
        return compiled.rows([tuple(row) for row in found])

    async def run_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each row of parameters, thousands on one trip."""
        compiled = statement.sqlite
        for some in chunks(rows):
            await self._driver.executemany(compiled.sql, [compiled.values(row) for row in some])

    async def script(self, sql: str) -> None:
        """Run a statement that has neither parameters nor rows."""
        await self._driver.execute_fetchall(sql)


class SQLitePool:
    """Connections of aiosqlite, each with a thread of its own, opened when they are needed.

    Args:
        path: The database's file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[aiosqlite.Connection] = []
        self._free = asyncio.Semaphore(_CONNECTIONS)
        # SQLite lets one transaction write at a time, and whoever waits for it inside SQLite
        # sleeps for longer and longer.
        self._writing = asyncio.Lock()
        self._writes = 0
        self._analyzed_at = 0.0
        self._looked_at: dict[aiosqlite.Connection, float] = {}
        """When each connection last read what is known of the tables."""

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend a connection."""
        async with self._lend_driver() as driver:
            yield SQLiteConnection(driver)

    @asynccontextmanager
    async def lend_for_reading(self) -> AsyncIterator[Connection]:
        """Lend a connection all of whose questions are answered as of one moment."""
        async with self._lend_driver() as driver:
            connection = SQLiteConnection(driver)
            try:
                await connection.script("BEGIN")
                yield connection
            finally:
                await driver.rollback()

    @asynccontextmanager
    async def lend_for_writing(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction.

        SQLite takes its one write lock at the beginning: a transaction that reads first and
        writes later would otherwise fail at once whenever another one writes.
        """
        async with self._writing, self._lend_driver() as driver:
            connection = SQLiteConnection(driver)
            try:
                await connection.script("BEGIN IMMEDIATE")
                yield connection
                await connection.flush()
                await connection.script("COMMIT")
            except BaseException:
                # Also when BEGIN was given up: its thread comes to it all the same.
                await driver.rollback()
                raise
            await self._count_write(driver)

    async def wipe(self) -> bool:
        """Empty the log of changes, which has all that was ever written until it is overwritten.

        On a quiet server that may take for ever.
        """
        async with self._writing, self._lend_driver() as driver:
            # It holds up whoever writes until all who read have done with the log.
            await driver.execute_fetchall(f"PRAGMA busy_timeout={_WIPE_MILLISECONDS}")
            try:
                [row] = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await driver.execute_fetchall(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
            return not row[0]

    async def _count_write(self, driver: aiosqlite.Connection) -> None:
        """Have SQLite look at the tables now and then, a few rows of each.

        Without that it takes any index with an equality for a good one, also that of what holds for
        every row: at 100,000 jobs statements took a hundred times as long. It costs some
        milliseconds, and what it has found stays in the file.
        """
        if self._writes % _ANALYZE_EVERY == 0:
            # The transaction is committed, whatever becomes of this.
            with suppress(sqlite3.Error):
                await driver.execute_fetchall(f"PRAGMA analysis_limit = {_ANALYZED_ROWS}")
                await driver.execute_fetchall("ANALYZE")
                self._analyzed_at = time.monotonic()
        self._writes += 1

    @asynccontextmanager
    async def _lend_driver(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._free:
            driver = self._idle.pop() if self._idle else await self._connect()
            try:
                await self._look_again(driver)
                yield driver
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _KIND == sqlite3.SQLITE_READONLY:
                    # What was opened while nobody could write stays so when somebody can.
                    await self._drop(driver)
                raise
            finally:
                if driver in self._looked_at:
                    self._idle.append(driver)

    async def _look_again(self, driver: aiosqlite.Connection) -> None:
        """Have a connection read anew what is known of the tables, if it knows something older.

        SQLite reads it once, with the schema: a connection from when the database was empty would
        go by that for ever. All its statements are then planned anew.
        """
        looked_at, now = self._looked_at[driver], time.monotonic()
        if looked_at < self._analyzed_at or now - looked_at > _LOOK_AGAIN_SECONDS:
            # Without it the work is slower, no more; what is wrong, the work's statements tell.
            with suppress(sqlite3.Error):
                await driver.execute_fetchall("PRAGMA writable_schema = RESET")
            self._looked_at[driver] = now

    async def _connect(self) -> aiosqlite.Connection:
        # The driver must not begin transactions by itself.
        driver = await aiosqlite.connect(self._path, isolation_level=None)
        try:
            await self._write_ahead(driver)
            for pragma in _PRAGMAS:
                await driver.execute_fetchall(f"PRAGMA {pragma}")
        except BaseException:
            # Its thread would keep the process from ending.
            await driver.close()
            raise
        self._looked_at[driver] = time.monotonic()
        return driver

    @staticmethod
    async def _write_ahead(driver: aiosqlite.Connection) -> None:
        """Have changes written to a log of their own; what is so already stays so.

        Of two processes that first open a new file SQLite refuses one at once, however patient.
        """
        for pause in (*_BUSY_PAUSES, None):
            try:
                await driver.execute_fetchall("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if pause is None or error.sqlite_errorcode & _KIND != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._drop(self._idle.pop())

    async def _drop(self, driver: aiosqlite.Connection) -> None:
        del self._looked_at[driver]
        await driver.close()

    @staticmethod
    def is_passing(error: Exception) -> bool:
        """Tell whether an error is of the moment: the same statement may work later."""
        if isinstance(error, sqlite3.Error):
            return getattr(error, "sqlite_errorcode", 0) & _KIND in _PASSING
        return isinstance(error, OSError | TimeoutError)
