"""Which databases use a store, by the marks that they leave in it.

What belongs to no job of one database may be the recording of another's: of a second deployment on
the same bucket, or of the database that was used before the one that is.
"""

from __future__ import annotations

import secrets

from dalston.common.errors import StoreUnavailableError
from dalston.common.storage import ObjectStore
from dalston.db import sightings
from dalston.db.session import Database

_FOLDER = "databases"
_OWN = "database: "
"""In front of a mark, in what was seen."""
_MARK_BYTES = 8


async def marks_of_others(
    database: Database, store: ObjectStore, *, dry: bool = False
) -> tuple[str, ...]:
    """Leave the database's own mark in the store, if it isn't there, and look for others.

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
        own = await sightings.of_kind(connection, _OWN)
        if not own and not dry:
            own = {secrets.token_hex(_MARK_BYTES)}
            await sightings.note_new(connection, _OWN, *own)
    mine = {f"{_FOLDER}/{mark}.json" for mark in own}
    there = set(await store.list(_FOLDER))
    if mine and not mine & there:
        try:
            await store.put(min(mine), b"{}")
        except StoreUnavailableError as error:
            # What is deleted in this round makes room for it in the next one.
            if not error.full:
                raise
    return tuple(sorted(there - mine))
