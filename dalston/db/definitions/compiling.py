"""From a statement of SQLAlchemy to what is run: its texts, and the kinds of its values."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BindParameter,
    Boolean,
    Delete,
    Dialect,
    Float,
    Insert,
    Select,
    Update,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as sqlite_dialect
from sqlalchemy.types import TypeEngine

from dalston.db.definitions.conditions import JSONList
from dalston.db.definitions.tables import UTCDateTime
from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

Expression = Select[*tuple[Any, ...]] | Insert | Update | Delete
Family = Statement | tuple[Statement, ...] | dict[Any, Statement]
"""A statement, several that are run one after the other, or several of which one is chosen."""

_POSTGRESQL: Dialect = postgresql_dialect()  # type: ignore[no-untyped-call]
_SQLITE: Dialect = sqlite_dialect()
_DOUBLE_PRECISION = 701
"""PostgreSQL's number of that type: the only kind of fraction that the tables have."""
_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (UTCDateTime, Kind.MOMENT),
    (JSONList, Kind.TEXTS),
    (ARRAY, Kind.TEXTS),
    (Float, Kind.FRACTION),
    (Boolean, Kind.FLAG),
)


def compiled(module: ModuleType) -> dict[str, Family]:
    """Return what a module of definitions has under a public name, compiled, by that name."""
    found: dict[str, Family] = {}
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        match value:
            case Select() | Insert() | Update() | Delete():
                found[name] = compile_statement(value)
            case list() if value and all(map(_is_statement, value)):
                found[name] = tuple(map(compile_statement, value))
            case dict() if value and all(map(_is_statement, value.values())):
                found[name] = {key: compile_statement(one) for key, one in value.items()}
    return found


def _is_statement(value: object) -> bool:
    return isinstance(value, Select | Insert | Update | Delete)


def compile_statement(expression: Expression) -> Statement:
    """Return a statement as it is run.

    Its parameters are `bindparam`s; a list is an `any_of`, never an `in_`.

    Raises:
        TypeError: A type of its values is none that has a kind.
    """
    columns = [Column(one.name, _result_kind(one.type)) for one in expression.exported_columns]
    return Statement(
        columns=tuple(columns),
        postgresql=_written(expression, _POSTGRESQL),
        sqlite=_written(expression, _SQLITE),
    )


def _written(expression: Expression, dialect: Dialect) -> SQL:
    found: Any = expression.compile(dialect=dialect)
    places = tuple(_place(found.binds[name]) for name in found.positiontup or ())
    return SQL("\n".join(line.rstrip() for line in str(found).splitlines()), places)


def _place(parameter: BindParameter[Any]) -> Parameter | Constant:
    if parameter.required:
        return Parameter(parameter.key, _parameter_kind(parameter.type))
    return Constant(parameter.value)


def _parameter_kind(of: TypeEngine[Any]) -> Kind:
    impls = ((of.dialect_impl(dialect), dialect) for dialect in (_POSTGRESQL, _SQLITE))
    changed = any(impl.bind_processor(dialect) is not None for impl, dialect in impls)
    return _kind(of) if changed else Kind.PLAIN


def _result_kind(of: TypeEngine[Any]) -> Kind:
    impls = ((of.dialect_impl(dialect), dialect) for dialect in (_POSTGRESQL, _SQLITE))
    changed = any(
        impl.result_processor(dialect, _DOUBLE_PRECISION) is not None for impl, dialect in impls
    )
    return _kind(of) if changed else Kind.PLAIN


def _kind(of: TypeEngine[Any]) -> Kind:
    if isinstance(of, JSON):
        return Kind.JSON_OR_NULL if of.none_as_null else Kind.JSON
    for one, kind in _KINDS:
        if isinstance(of, one):
            return kind
    raise TypeError(
        f"SQLAlchemy converts values of {of!r}, and dalston/db/kinds.py has no such kind"
    )
