"""When something was seen first and last."""

from __future__ import annotations

from sqlalchemy import Float, String, bindparam, delete, insert, or_, select, update

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, sightings

_WITHIN = DatabaseAgo(bindparam("within", type_=Float))
_IN_FUTURE = sightings.c.last_at > DatabaseNow()
"""Noted while the clock was ahead: else nothing would be due until it is that late again."""
KNOWN = select(sightings.c.name).where(any_of(sightings.c.name, "names"))
NEW = insert(sightings).values(
    name=bindparam("new_name"), first_at=DatabaseNow(), last_at=DatabaseNow()
)
FORGOTTEN = (
    # Nobody has looked for so long that it may have been gone in between.
    update(sightings)
    .where(any_of(sightings.c.name, "names"), or_(sightings.c.last_at < _WITHIN, _IN_FUTURE))
    .values(first_at=DatabaseNow())
)
SEEN = update(sightings).where(any_of(sightings.c.name, "names")).values(last_at=DatabaseNow())
LASTING = select(sightings.c.name).where(
    any_of(sightings.c.name, "names"),
    sightings.c.first_at <= DatabaseAgo(bindparam("seconds", type_=Float)),
)
OF_KIND = select(sightings.c.name).where(
    sightings.c.name.startswith(bindparam("kind", type_=String), autoescape=False)
)
GONE = delete(sightings).where(any_of(sightings.c.name, "names"))
TAKE_TURN = (
    update(sightings)
    .where(
        sightings.c.name == bindparam("by_name"), or_(sightings.c.last_at <= _WITHIN, _IN_FUTURE)
    )
    .values(last_at=DatabaseNow())
    .returning(sightings.c.name)
)
