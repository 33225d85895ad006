"""Statements as the drivers run them: the text for each kind of database, and what goes in and out.

SQLAlchemy writes them, but long before: loading it, and having it write or run a statement, costs
several times what the drivers need (`docs/decisions/0014-the-driver-runs-the-statements.md`,
`docs/decisions/0029-sql-is-compiled-ahead.md`). `dalston/db/definitions/` has them as they are
written, `dalston/db/compiled/` as they are run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from dalston.db.kinds import (
    FROM_POSTGRESQL,
    FROM_SQLITE,
    TO_POSTGRESQL,
    TO_SQLITE,
    Convert,
    Kind,
)

Parameters = Mapping[str, Any]
Row = Any
"""A named tuple with the statement's columns."""

_ROWS = 2000
"""Rows that one trip to the database carries at most."""


class Parameter(NamedTuple):
    """A place in a statement that is given a value at each run."""

    name: str
    kind: Kind = Kind.PLAIN


class Constant(NamedTuple):
    """A place in a statement whose value never changes, as the driver takes it."""

    value: object


class Column(NamedTuple):
    """A column of a statement's rows."""

    name: str
    kind: Kind = Kind.PLAIN


class SQL(NamedTuple):
    """A statement's text for one kind of database, and what its places are given, in order."""

    text: str
    places: tuple[Parameter | Constant, ...]


class Compiled:
    """A statement for one kind of database.

    Args:
        written: Its text and places.
        columns: Of its rows.
        to_driver: What is made of values on their way in, by kind.
        from_driver: What is made of them on their way out.
    """

    def __init__(
        self,
        written: SQL,
        columns: Sequence[Column],
        to_driver: Mapping[Kind, Convert],
        from_driver: Mapping[Kind, Convert],
    ) -> None:
        self.sql = written.text
        self._values: list[tuple[str, Convert | None, tuple[object] | None]] = [
            ("", None, (place.value,))
            if isinstance(place, Constant)
            else (place.name, to_driver.get(place.kind), None)
            for place in written.places
        ]
        names = [column.name for column in columns]
        self._row: Any = namedtuple("_row", names) if names else None  # noqa: PYI024 - its fields are known only now
        found = [from_driver.get(column.kind) for column in columns]
        self._converters = [(place, one) for place, one in enumerate(found) if one is not None]

    def values(self, parameters: Parameters) -> list[Any]:
        """Return what the driver is given, in its order.

        Raises:
            KeyError: A parameter is missing.
        """
        return [
            constant[0]
            if constant is not None
            else (parameters[name] if convert is None else convert(parameters[name]))
            for name, convert, constant in self._values
        ]

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Row]:
        """Return the driver's rows as named tuples."""
        if self._row is None:
            return []
        if not self._converters:
            return [self._row._make(row) for row in found]
        converted = []
        for row in found:
            values = list(row)
            for place, convert in self._converters:
                values[place] = convert(values[place])
            converted.append(self._row._make(values))
        return converted


class Statement:
    """A statement for all kinds of database; what a driver needs is made at its first use.

    Args:
        columns: Of its rows, which are the same everywhere.
        postgresql: What PostgreSQL is told.
        sqlite: What SQLite is told.
    """

    def __init__(self, *, columns: Sequence[Column] = (), postgresql: SQL, sqlite: SQL) -> None:
        self.columns = columns
        self.written = {"postgresql": postgresql, "sqlite": sqlite}

    @cached_property
    def postgresql(self) -> Compiled:
        """Return it for asyncpg."""
        return Compiled(self.written["postgresql"], self.columns, TO_POSTGRESQL, FROM_POSTGRESQL)

    @cached_property
    def sqlite(self) -> Compiled:
        """Return it for aiosqlite."""
        return Compiled(self.written["sqlite"], self.columns, TO_SQLITE, FROM_SQLITE)


class Connection(ABC):
    """One connection of a pool, inside a transaction if it was opened for writing."""

    def __init__(self) -> None:
        self.deferred: dict[Statement, list[Parameters]] = {}
        """Rows that are written at the end of the transaction, in the order of their coming."""

    @abstractmethod
    async def fetch(self, statement: Statement, **parameters: object) -> list[Row]:
        """Run a statement and return its rows."""

    @abstractmethod
    async def run_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each row of parameters."""

    @abstractmethod
    async def script(self, sql: str) -> None:
        """Run a statement that has neither parameters nor rows."""

    async def fetch_one(self, statement: Statement, **parameters: object) -> Row | None:
        """Run a statement and return its first row, if there is one."""
        rows = await self.fetch(statement, **parameters)
        return rows[0] if rows else None

    def defer(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Have rows written just before the transaction is committed."""
        self.deferred.setdefault(statement, []).extend(rows)

    async def flush(self) -> None:
        """Write what was deferred."""
        deferred, self.deferred = self.deferred, {}
        for statement, rows in deferred.items():
            await self.run_many(statement, rows)


def chunks(rows: Sequence[Parameters]) -> Iterator[Sequence[Parameters]]:
    """Cut rows into parts of a bounded size."""
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
