"""Brings a database to the newest schema with Alembic, on both kinds of database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from dalston.common.errors import ConfigurationError
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.session import Database, schema_error
from dalston.db.url import DatabaseURL

_SCRIPTS = Path(__file__).parent / "migrations"
_NOT_ALLOWED = "42501"
"""PostgreSQL's SQLSTATE for what a user may not do."""
_LOCKED = "55P03"
"""That for a lock which was waited for in vain."""


def engine_url(url: DatabaseURL) -> URL:
    """Return a database's URL as SQLAlchemy wants it, with our drivers."""
    if url.kind == "sqlite":
        return URL.create("sqlite+aiosqlite", database=url.path)
    return make_url(url.dsn).set(drivername="postgresql+asyncpg")


def alembic_config(url: DatabaseURL) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = engine_url(url)
    return config


async def migrate(database: Database) -> bool:
    """Bring the schema to the revision that this code is written for.

    Returns:
        Whether anything had to be done.

    Raises:
        SchemaVersionError: The schema is of a newer version.
        ConfigurationError: The database's user may not change its tables, or somebody else holds
            one of them.
    """
    found = await database.revision()
    if found == SCHEMA_REVISION:
        return False
    if found is not None and found > SCHEMA_REVISION:
        raise schema_error(found)
    # Alembic is synchronous and opens a loop of its own, so it gets a thread of its own.
    try:
        await asyncio.to_thread(command.upgrade, alembic_config(database.url), "head")
    except DBAPIError as error:
        told = _told(error)
        if told is None:
            raise
        raise ConfigurationError(told) from None
    return True


def _told(error: DBAPIError) -> str | None:
    """Return what whoever migrates can do about an error, if that is known."""
    state = getattr(error.orig, "sqlstate", None)
    if state == _NOT_ALLOWED:
        return (
            f"The database's user may not migrate it: {_words(error)}. Make the user in "
            f"DATABASE_URL the owner of the database and of its tables, or migrate as their owner."
        )
    if state == _LOCKED:
        return (
            "Another session holds a table that must be changed, such as a psql with an open "
            "transaction or a pg_dump, and waiting for it would have stopped the server. Nothing "
            "has been changed. End it (pg_stat_activity shows it), or wait for its end, then "
            "migrate again."
        )
    return None


def _words(error: DBAPIError) -> str:
    """Return what the database said, without the statement."""
    return str(error.orig).rpartition(">: ")[2]
