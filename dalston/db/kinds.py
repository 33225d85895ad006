"""What kinds of values statements take and give, and what each driver makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

Convert = Callable[[Any], Any]


class Kind(Enum):
    """What kind of value a parameter or a column holds; a null stays one in every kind but JSON."""

    PLAIN = auto()
    """What the drivers take and give as it is: texts, whole numbers."""
    FRACTION = auto()
    """A number that may have a fraction."""
    FLAG = auto()
    """True or false; SQLite has numbers for it."""
    MOMENT = auto()
    """A time in UTC; SQLite has text for it, which compares because it has always six digits."""
    JSON = auto()
    """Anything that JSON can say; None is its `null`."""
    JSON_OR_NULL = auto()
    """Likewise, but None is a null of the database."""
    TEXTS = auto()
    """A list of texts: an array on PostgreSQL, one JSON text on SQLite."""


def _unless_null(convert: Convert) -> Convert:
    def converted(value: object) -> object:
        return None if value is None else convert(value)

    return converted


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _moment_text(value: datetime) -> str:
    naive = value.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(sep=" ", timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _from_json(stored: object) -> object:
    # SQLite makes a number of a JSON text that is nothing else.
    return json.loads(stored) if isinstance(stored, str) else stored


def _json_list(texts: list[str]) -> str:
    return json.dumps(list(texts))


TO_POSTGRESQL: Mapping[Kind, Convert] = {
    Kind.MOMENT: _unless_null(_in_utc),
    Kind.JSON: json.dumps,
    Kind.JSON_OR_NULL: _unless_null(json.dumps),
    Kind.TEXTS: _unless_null(list),
}
FROM_POSTGRESQL: Mapping[Kind, Convert] = {}
"""Its driver gives moments in UTC, and reads JSON as the pool tells it to."""
TO_SQLITE: Mapping[Kind, Convert] = {
    Kind.FRACTION: _unless_null(float),
    Kind.MOMENT: _unless_null(_moment_text),
    Kind.JSON: json.dumps,
    Kind.JSON_OR_NULL: _unless_null(json.dumps),
    Kind.TEXTS: _unless_null(_json_list),
}
FROM_SQLITE: Mapping[Kind, Convert] = {
    Kind.FLAG: _unless_null(bool),
    Kind.MOMENT: _unless_null(_moment),
    Kind.JSON: _from_json,
    Kind.JSON_OR_NULL: _from_json,
}
