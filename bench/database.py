"""A server's tables, seen from outside it: asked, and filled with rows.

One SQL text serves both databases: `$1` is a parameter in PostgreSQL, and a named one in SQLite.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.peers.rows import BlockingConnection

Record = tuple[Any, ...]


class Tables(ABC):
    """One kept connection that looks at a database, without the server's knowledge."""

    @abstractmethod
    def value(self, statement: str, *values: str) -> Any:  # noqa: ANN401 - whatever the column holds
        """Return the first column of the first row of a query."""

    @abstractmethod
    def add(self, table: str, columns: Sequence[str], records: Iterable[Record]) -> None:
        """Insert rows, as fast as the database can."""

    @abstractmethod
    def settle(self) -> None:
        """Have the database do at once what it would do some time after a mass of inserts."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class PostgresTables(Tables):
    """A PostgreSQL database.

    Args:
        url: As Dalston is told it.
    """

    def __init__(self, url: str) -> None:
        self._connection = BlockingConnection(url, None, "watch")

    def value(self, statement: str, *values: str) -> Any:  # noqa: ANN401 - whatever the column holds
        """Ask."""
        return self._connection.value(statement, *values)

    def add(self, table: str, columns: Sequence[str], records: Iterable[Record]) -> None:
        """Copy the rows in; they refer to each other as they should, which is not checked."""
        self._connection.execute("SET session_replication_role = replica")
        self._connection.copy(table, columns, records)

    def settle(self) -> None:
        """Look at what the tables hold, and write them to the disk."""
        self._connection.execute("ANALYZE")
        self._connection.execute("CHECKPOINT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SqliteTables(Tables):
    """A SQLite file, opened for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    def value(self, statement: str, *values: str) -> Any:  # noqa: ANN401 - whatever the column holds
        """Ask."""
        named = {str(number): value for number, value in enumerate(values, 1)}
        return self._connection.execute(statement, named).fetchone()[0]

    def add(self, table: str, columns: Sequence[str], records: Iterable[Record]) -> None:
        """Insert the rows in one transaction."""
        names = ", ".join(f'"{column}"' for column in columns)
        places = ", ".join("?" for _ in columns)
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            connection.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - our own names
                (tuple(_as_text(value) for value in record) for record in records),
            )

    def settle(self) -> None:
        """Move what was written from the log into the file."""
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _as_text(value: Any) -> Any:  # noqa: ANN401 - whatever the column holds
    """Write a moment as the server does."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
