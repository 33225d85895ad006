"""A database's tables as they are: described alike for every kind of database, filled, read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.types import TypeEngine

Described = dict[str, Any]
_VERSION_TABLE = "alembic_version"
_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (JSON, "json"),
    (DateTime, "moment"),
    (Boolean, "boolean"),
    (BigInteger, "big integer"),
    (Integer, "integer"),
    (Float, "float"),
    (Text, "text"),
    (String, "string"),
)
"""The first that a type belongs to is its name; a narrower one stands in front of a wider one."""


def describe(connection: Connection) -> dict[str, Described]:
    """Return all tables by name, with columns, keys, constraints and indexes."""
    inspector = inspect(connection)
    names = set(inspector.get_table_names()) - {_VERSION_TABLE}
    return {name: _describe(inspector, name) for name in sorted(names)}


def _describe(inspector: Inspector, table: str) -> Described:
    unique = inspector.get_unique_constraints(table)
    keys = inspector.get_pk_constraint(table)["constrained_columns"]
    # PostgreSQL lists the index that keeps a constraint among the others, SQLite doesn't.
    of_constraints = {constraint["name"] for constraint in unique}
    return {
        "columns": {
            column["name"]: (
                _kind(column["type"], number=keys == [column["name"]]),
                column["nullable"],
            )
            for column in inspector.get_columns(table)
        },
        "primary key": keys,
        "foreign keys": sorted(
            (
                key["constrained_columns"],
                key["referred_table"],
                key["referred_columns"],
                key["options"].get("ondelete"),
            )
            for key in inspector.get_foreign_keys(table)
        ),
        "unique": sorted((one["name"], one["column_names"]) for one in unique),
        "checks": sorted(one["name"] or "" for one in inspector.get_check_constraints(table)),
        "indexes": {
            index["name"]: (
                index["column_names"],
                bool(index["unique"]),
                any(name.endswith("_where") for name in index.get("dialect_options", {})),
            )
            for index in inspector.get_indexes(table)
            if index["name"] not in of_constraints
        },
    }


def _kind(of: TypeEngine[Any], *, number: bool = False) -> str:
    """Return a type's name; SQLite has one kind of number of a row, of eight bytes."""
    name = next((name for known, name in _KINDS if isinstance(of, known)), repr(of))
    if number and name in {"integer", "big integer"}:
        return "number of a row"
    length = getattr(of, "length", None)
    return name if length is None else f"{name} of {length}"


def fill(connection: Connection, seed: int) -> None:
    """Insert a row into each table, with a value in each column.

    Args:
        connection: An open transaction.
        seed: Another one for each time.
    """
    tables = _reflect(connection)
    for table in tables.sorted_tables:
        connection.execute(insert(table).values(**_row(table, seed)))


def _row(table: Table, seed: int) -> dict[str, Any]:
    """Return a row; keys are alike in all tables, so that they refer to each other's rows."""
    values: dict[str, Any] = {}
    for column in table.columns:
        kind = _kind(column.type, number=column.primary_key).partition(" of ")[0]
        values[column.name] = {
            "number": seed + 1,
            "json": {"seed": seed},
            "moment": _MOMENT,
            "boolean": True,
            "big integer": 2**40 + seed,
            "integer": seed + 1,
            "float": seed + 0.5,
            "text": f"text {seed} ✓",
            "string": f"{seed}-key",
        }[kind]
    return values


def contents(connection: Connection) -> dict[str, list[dict[str, object]]]:
    """Return the rows of each table, in the order of their keys."""
    tables = _reflect(connection)
    return {
        table.name: [
            dict(row)
            for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        ]
        for table in tables.sorted_tables
    }


def _reflect(connection: Connection) -> MetaData:
    tables = MetaData()
    tables.reflect(connection, only=lambda name, _: name != _VERSION_TABLE)
    return tables
