"""Alembic's entry: runs the migrations with our driver, in one transaction."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dalston.db.definitions.tables import metadata

_LOCK = 0x64616C73746F6E
"""Key of PostgreSQL's lock that migrations hold: the bytes of the word dalston."""
_LOCK_SECONDS = 600.0
"""For how long one on SQLite waits for another one, which may copy large tables."""

_TABLE_SECONDS = 5
"""For how long one on PostgreSQL waits for a table that others use."""


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite can't alter a table in place: Alembic copies it instead.
        render_as_batch=connection.dialect.name == "sqlite",
        # Alembic thinks that SQLite has none. What is interrupted would stay half done for ever.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "sqlite":
            # Its driver begins a transaction at the first row that is written, and not before.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if connection.dialect.name == "postgresql":
            # Several may start at once; whoever comes second finds nothing left to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            # Whoever comes after one who waits for a table waits for it too: the whole server would
            # stand still for as long as somebody else's session holds it.
            connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_SECONDS}s'"))
        context.run_migrations()


async def _connect(url: URL) -> asyncpg.Connection:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(dsn)


async def _connect_and_run() -> None:
    url: URL = context.config.attributes["url"]
    # PostgreSQL's driver reads a URL's parameters, such as sslmode, as PostgreSQL's own tools do.
    how: dict[str, Any] = (
        {"connect_args": {"timeout": _LOCK_SECONDS}}
        if url.get_backend_name() == "sqlite"
        else {"async_creator": partial(_connect, url)}
    )
    engine = create_async_engine(url, poolclass=NullPool, **how)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_connect_and_run())
