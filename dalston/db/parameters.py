"""What the transitions give to their statements, and the columns that it goes to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam

from dalston.common.messages import Attempt
from dalston.common.models import Failure, clean_failure

Values = dict[str, Any]

BIND: Values = {"token": bindparam("by_token"), "instance": bindparam("by_instance")}
ERROR: Values = {
    "error_code": bindparam("by_code"),
    "error_message": bindparam("by_message"),
}
NO_ERROR: Values = {"error_code": None, "error_message": None}


def given(table: Table, names: str) -> Values:
    """Return columns that are given a parameter of their own name and type.

    Args:
        table: Theirs.
        names: Of the columns, with blanks between them.
    """
    return {name: bindparam(name, type_=table.c[name].type) for name in names.split()}


def naming(attempt: Attempt) -> Values:
    """Return the parameters that name an attempt's task and hand-out."""
    return {"by_id": attempt.task_id, "by_hand_out": attempt.hand_out}


def binding(attempt: Attempt) -> Values:
    """Return the parameters that bind an attempt to its task."""
    return naming(attempt) | {"by_token": attempt.token, "by_instance": attempt.instance}


def reason(failure: Failure) -> Values:
    """Return the parameters that say why something failed."""
    clean = clean_failure(failure.code, failure.message, failure.retryable)
    return {"by_code": clean.code, "by_message": clean.message}
