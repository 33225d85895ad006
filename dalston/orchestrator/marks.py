"""Which databases use a store, by the marks that they leave in it.

What belongs to no job of one database may be the recording of another's: of a second deployment on
the same bucket, or of the database that was used before the one that is.
"""

from __future__ import annotations

import secrets

import structlog

from dalston.common.storage import ObjectStore
from dalston.db import sightings
from dalston.db.session import Database

log = structlog.get_logger(__name__)

_FOLDER = "databases"
_OWN = "database: "
"""In front of a mark, in what was seen."""
_MARK_BYTES = 8


async def marks_of_others(
    database: Database, store: ObjectStore, *, dry: bool = False
) -> tuple[str, ...]:
    """Leave the database's own mark in the store, if it isn't there, and look for others.

    A store without it is new to the database, or has lost what it had, which the log tells.

    Args:
        database: It remembers its own marks: more than one, should several processes have made
            one at the same time.
        store: Has each mark as an object.
        dry: Leave no mark.

    Returns:
        The paths of the marks of other databases.

    Raises:
        UnavailableError: A part does not answer.
    """
    async with database.write() as connection:
        before = await sightings.of_kind(connection, _OWN)
        own = before or {secrets.token_hex(_MARK_BYTES)}
        if not before and not dry:
            await sightings.note_new(connection, _OWN, *own)
    mine = {f"{_FOLDER}/{mark}.json" for mark in own}
    there = set(await store.list(_FOLDER))
    if mine.isdisjoint(there) and not dry:
        if before:
            log.warning("store_is_new")
        await store.put(min(mine), b"{}")
    return tuple(sorted(there - mine))
