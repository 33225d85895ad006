"""What is asked of a database as such: whether it can be written, and its schema's revision."""

from __future__ import annotations

from sqlalchemy import String, column, false, func, select, table

_VERSION_TABLE = "alembic_version"
IS_READ_ONLY = {
    # Of a primary that was told so, and of any standby.
    "postgresql": select(
        (func.current_setting("transaction_read_only") == "on").label("read_only"),
    ),
    "sqlite": select(false().label("read_only")),
}
VERSION = select(table(_VERSION_TABLE, column("version_num", String)).c.version_num)
HAS_VERSION_TABLE = {
    "postgresql": select(func.to_regclass(_VERSION_TABLE).is_not(None).label("there")),
    "sqlite": (
        select(func.count().label("there"))
        .select_from(table("sqlite_master", column("name", String)))
        .where(column("name", String) == _VERSION_TABLE)
    ),
}
