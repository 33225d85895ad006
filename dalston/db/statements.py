"""Statements for many rows at once, and the parameters that the transitions give to them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Table, Update, bindparam, insert, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from dalston.common.messages import Attempt
from dalston.common.models import Failure, clean_failure

_INSERT_ROWS = 2000
"""Rows that one statement carries at most."""

Parameters = dict[str, Any]

BIND: Parameters = {"token": bindparam("by_token"), "instance": bindparam("by_instance")}
ERROR: Parameters = {
    "error_code": bindparam("by_code"),
    "error_message": bindparam("by_message"),
}
NO_ERROR: Parameters = {"error_code": None, "error_message": None}


async def insert_many(
    connection: AsyncConnection, table: Table, rows: Sequence[Parameters], **shared: object
) -> None:
    """Insert rows in statements of a bounded size.

    Args:
        connection: An open write transaction.
        table: Where to.
        rows: Column values, the same columns in each.
        shared: Column values that are the same for all rows.
    """
    statement = insert(table).values(**shared) if shared else insert(table)
    for start in range(0, len(rows), _INSERT_ROWS):
        await connection.execute(statement, list(rows[start : start + _INSERT_ROWS]))


async def update_many(
    connection: AsyncConnection, statement: Update, rows: Sequence[Parameters]
) -> None:
    """Run an UPDATE once for each row of parameters."""
    if rows:
        await connection.execute(statement, list(rows))


def naming(attempt: Attempt) -> Parameters:
    """Return the parameters that name an attempt's task and hand-out."""
    return {"by_id": attempt.task_id, "by_hand_out": attempt.hand_out}


def binding(attempt: Attempt) -> Parameters:
    """Return the parameters that bind an attempt to its task."""
    return naming(attempt) | {"by_token": attempt.token, "by_instance": attempt.instance}


def reason(failure: Failure) -> Parameters:
    """Return the parameters that say why something failed."""
    clean = clean_failure(failure.code, failure.message, failure.retryable)
    return {"by_code": clean.code, "by_message": clean.message}


def one_of(column: ColumnElement[str], states: Sequence[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a status is one of some."""
    # Not `IN`: SQLAlchemy can't expand its list in a statement for many rows at once.
    return or_(*(column == state.value for state in states))
