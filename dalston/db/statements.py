"""Statements that SQLAlchemy writes, once for each kind of database, and that the driver runs.

SQLAlchemy's own way of running a statement costs several times what the drivers need
(`docs/decisions/0014-the-driver-runs-the-statements.md`). So a `Statement` is compiled once, and
its values and rows are converted by the types that the tables declare.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Delete,
    Dialect,
    Insert,
    Select,
    String,
    Text,
    TypeDecorator,
    Update,
    bindparam,
    or_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Parameters = Mapping[str, Any]
Expression = Select[*tuple[Any, ...]] | Insert | Update | Delete
Row = Any
"""A named tuple with the statement's columns."""
_Convert = Callable[[Any], Any]

_ROWS = 2000
"""Rows that one trip to the database carries at most."""
_DOUBLE_PRECISION = 701
"""PostgreSQL's number of that type: the only kind of fraction that the tables have."""


class _JSONList(TypeDecorator[list[str]]):
    """A list of texts as one JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write as JSON."""
        return None if value is None else json.dumps(list(value))


class any_of(ColumnElement[bool]):  # noqa: N801 - reads as a function in a condition
    """The condition that a column is one of a list of texts, which is one parameter.

    Args:
        column: The column.
        name: Name of the parameter that holds the list.
    """

    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.name = name


@compiles(any_of, "postgresql")
def _any_of_on_postgresql(element: any_of, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    values: BindParameter[Any] = bindparam(element.name, type_=ARRAY(String))
    return f"{compiler.process(element.column, **more)} = ANY ({compiler.process(values, **more)})"


@compiles(any_of, "sqlite")
def _any_of_on_sqlite(element: any_of, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    values: BindParameter[Any] = bindparam(element.name, type_=_JSONList)
    column, text = (compiler.process(part, **more) for part in (element.column, values))
    return f"{column} IN (SELECT value FROM json_each({text}))"  # noqa: S608 - names, no values


class Compiled:
    """A statement for one kind of database."""

    def __init__(self, expression: Expression, dialect: Dialect) -> None:
        compiled: Any = expression.compile(dialect=dialect)
        self.sql = str(compiled)
        parameters = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
        self._values = [
            (name, _to_driver(parameter.type, dialect), _constant(parameter))
            for name, parameter in parameters
        ]
        columns = list(expression.exported_columns)
        names = [column.name for column in columns]
        self._row: Any = namedtuple("_row", names) if names else None  # noqa: PYI024 - its fields are known only now
        found = [_from_driver(column.type, dialect) for column in columns]
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


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, _DOUBLE_PRECISION)


def _constant(parameter: BindParameter[Any]) -> tuple[Any] | None:
    return None if parameter.required else (parameter.value,)


class Statement:
    """A statement of SQLAlchemy, compiled at its first use on each kind of database.

    Keep it in a constant where it doesn't change from call to call: compiling costs more than
    running. Its parameters are `bindparam`s; a list is an `any_of`, never an `in_`.
    """

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """Return it for a kind of database."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = Compiled(self._expression, dialect)
        return compiled


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


def one_of(column: ColumnElement[str], states: Sequence[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a status is one of some."""
    return or_(*(column == state.value for state in states))
