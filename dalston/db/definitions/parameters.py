"""The columns that several statements give the same parameters to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam

_Columns = dict[str, Any]

BIND: _Columns = {"token": bindparam("by_token"), "instance": bindparam("by_instance")}
ERROR: _Columns = {
    "error_code": bindparam("by_code"),
    "error_message": bindparam("by_message"),
}
NO_ERROR: _Columns = {"error_code": None, "error_message": None}


def given(table: Table, names: str) -> _Columns:
    """Return columns that are given a parameter of their own name and type.

    Args:
        table: Theirs.
        names: Of the columns, with blanks between them.
    """
    return {name: bindparam(name, type_=table.c[name].type) for name in names.split()}
