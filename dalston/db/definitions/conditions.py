"""Conditions that SQLAlchemy has no constant form of: a column is one of several values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Dialect,
    String,
    Text,
    TypeDecorator,
    and_,
    bindparam,
    or_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from dalston.common.storage import SOURCE_ENDING
from dalston.db.definitions.tables import jobs


class JSONList(TypeDecorator[list[str]]):
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
    values: BindParameter[Any] = bindparam(element.name, type_=JSONList)
    column, text = (compiler.process(part, **more) for part in (element.column, values))
    return f"{column} IN (SELECT value FROM json_each({text}))"  # noqa: S608 - names, no values


class true_of_most(ColumnElement[bool]):  # noqa: N801 - reads as a function in a condition
    """A condition that most rows fulfil, so that looking them up by it is no help.

    SQLite looks at a thousand rows of an index, and takes a value for rare of which it has seen no
    more than that.

    Args:
        condition: The condition.
    """

    inherit_cache = False

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self.condition = condition


@compiles(true_of_most, "postgresql")
def _true_of_most_on_postgresql(element: true_of_most, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return compiler.process(element.condition, **more)


@compiles(true_of_most, "sqlite")
def _true_of_most_on_sqlite(element: true_of_most, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"likelihood({compiler.process(element.condition, **more)}, 0.99)"


def one_of(column: ColumnElement[str], states: Sequence[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a status is one of some."""
    return or_(*(column == state.value for state in states))


def known_jobs() -> ColumnElement[bool]:
    """Return the condition that whoever asks can plan a job (`dalston.common.stages.is_known`).

    Its parameters are `known`, the names of pipelines, and `fetches`.
    """
    uploaded = ~jobs.c.audio_path.endswith(SOURCE_ENDING)
    return and_(
        any_of(jobs.c.pipeline, "known"), or_(bindparam("fetches", type_=Boolean), uploaded)
    )
