"""The three rows of a job in PostgreSQL, and the statements that every peer runs on them."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg

TRANSCRIPT = "This is a stub transcript. The system works!"
"""What the second step of a job returns."""

SUBMIT = """
WITH job AS (INSERT INTO jobs (id, status) VALUES ($1, 'pending'))
INSERT INTO tasks (id, job_id, status) VALUES ($1 || '-a', $1, 'ready'), ($1 || '-b', $1, 'pending')
"""
FINISH_FIRST = "UPDATE tasks SET status = 'completed', completed_at = now() WHERE id = $1 || '-a'"
FINISH_LAST = """
WITH task AS (
    UPDATE tasks SET status = 'completed', completed_at = now() WHERE id = $1 || '-b'
)
UPDATE jobs SET status = 'completed', result = $2, completed_at = now() WHERE id = $1
"""
COUNT_UNFINISHED_TASKS = "SELECT count(*) FROM tasks WHERE status <> 'completed'"

_TABLES = """
CREATE TABLE jobs (
    id text PRIMARY KEY, status text NOT NULL, result text,
    created_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz
);
CREATE TABLE tasks (
    id text PRIMARY KEY, job_id text NOT NULL, status text NOT NULL, completed_at timestamptz
);
"""


def new_job_id() -> str:
    """Return a fresh id."""
    return f"job_{secrets.token_hex(6)}"


def schema_of(peer: str) -> str:
    """Return the name of the schema that holds a peer's tables."""
    return f"bench_{peer}"


def connection_prefix(peer: str, role: str) -> str:
    """Return how the names begin by which PostgreSQL shows a peer's connections."""
    return f"bench-{peer}-{role}-"


def connection_options(peer: str, role: str) -> dict[str, Any]:
    """Return what asyncpg needs to know to work on a peer's tables."""
    return {
        "server_settings": {
            "search_path": schema_of(peer),
            "application_name": f"{connection_prefix(peer, role)}{os.getpid()}",
        }
    }


async def open_pool(url: str, peer: str, role: str, size: int) -> Any:  # noqa: ANN401 - asyncpg has no types
    """Return a pool whose connections are all open and cost nothing to give back."""
    return await asyncpg.create_pool(
        url, min_size=size, max_size=size, reset=_keep, **connection_options(peer, role)
    )


async def _keep(connection: object) -> None:
    """Leave a connection as it is: asyncpg's own reset would run four more statements."""


class BlockingConnection:
    """A connection for code without an event loop: it runs one of its own while it waits.

    Args:
        url: The database.
        peer: Whose tables to work on; None for whatever the database's own search path finds.
        role: What the process does, for the connection's name.
    """

    def __init__(self, url: str, peer: str | None, role: str) -> None:
        # Started and stopped for each statement, this loop is quicker than uvloop's; and
        # `run_until_complete` than `asyncio.Runner`, which also looks after signals.
        self._loop = asyncio.new_event_loop()
        options = {} if peer is None else connection_options(peer, role)
        self._connection = self._loop.run_until_complete(_connected(url, options))

    def execute(self, statement: str, *values: str) -> None:
        """Run a statement and commit."""
        self._loop.run_until_complete(self._connection.execute(statement, *values))

    def value(self, statement: str, *values: str) -> Any:  # noqa: ANN401 - asyncpg has no types
        """Return the first column of the first row of a query."""
        return self._loop.run_until_complete(self._connection.fetchval(statement, *values))

    def copy(self, table: str, columns: Sequence[str], records: Iterable[tuple[Any, ...]]) -> None:
        """Insert many rows and commit."""
        self._loop.run_until_complete(
            self._connection.copy_records_to_table(table, columns=columns, records=records)
        )

    def close(self) -> None:
        """Close the connection and its event loop."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


async def _connected(url: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - asyncpg has no types
    return await asyncpg.connect(url, **options)


@contextmanager
def tables(url: str, peer: str) -> Iterator[BlockingConnection]:
    """Make a peer's tables, afresh, and drop them in the end.

    Yields:
        A connection that looks at them.
    """
    connection = BlockingConnection(url, peer, "watch")
    schema = schema_of(peer)
    try:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(_TABLES)
        yield connection
    finally:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.close()
