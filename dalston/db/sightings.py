"""When something was seen first and last, by the database's clock, whoever saw it.

Several processes look, each may end at any moment, and none may trust its own clock. So what has
to have been so for a while before anybody acts on it is noted here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Float, String, bindparam, delete, insert, select, update

from dalston.db.statements import Connection, Statement, any_of
from dalston.db.tables import DatabaseAgo, DatabaseNow, sightings

_WITHIN = DatabaseAgo(bindparam("within", type_=Float))
_KNOWN = Statement(select(sightings.c.name).where(any_of(sightings.c.name, "names")))
_NEW = Statement(
    insert(sightings).values(
        name=bindparam("new_name"), first_at=DatabaseNow(), last_at=DatabaseNow()
    )
)
_FORGOTTEN = Statement(
    # Nobody has looked for so long that it may have been gone in between.
    update(sightings)
    .where(any_of(sightings.c.name, "names"), sightings.c.last_at < _WITHIN)
    .values(first_at=DatabaseNow())
)
_SEEN = Statement(
    update(sightings).where(any_of(sightings.c.name, "names")).values(last_at=DatabaseNow())
)
_LASTING = Statement(
    select(sightings.c.name).where(
        any_of(sightings.c.name, "names"),
        sightings.c.first_at <= DatabaseAgo(bindparam("seconds", type_=Float)),
    )
)
_OF_KIND = Statement(
    select(sightings.c.name).where(
        sightings.c.name.startswith(bindparam("kind", type_=String), autoescape=False)
    )
)
_GONE = Statement(delete(sightings).where(any_of(sightings.c.name, "names")))
_TAKE_TURN = Statement(
    update(sightings)
    .where(sightings.c.name == bindparam("by_name"), sightings.c.last_at <= _WITHIN)
    .values(last_at=DatabaseNow())
    .returning(sightings.c.name)
)


async def note(
    connection: Connection, kind: str, names: Collection[str], *, within: float, seconds: float
) -> set[str]:
    """Note what is seen now of a kind; what was seen of it before and isn't any more is forgotten.

    Args:
        connection: An open write transaction.
        kind: In front of the names.
        names: All that is seen of the kind.
        within: Seconds after the last look in which somebody must look again, or it begins anew.
        seconds: Since when it must have been seen to be returned.

    Returns:
        Those that have been seen for so long.
    """
    now = {f"{kind}{name}" for name in names}
    rows = await connection.fetch(_OF_KIND, kind=kind)
    before = {row.name for row in rows if row.name.startswith(kind)}
    if before - now:
        await connection.fetch(_GONE, names=sorted(before - now))
    if not now:
        return set()
    both = sorted(before & now)
    await connection.fetch(_FORGOTTEN, names=both, within=within)
    await connection.fetch(_SEEN, names=both)
    await connection.run_many(_NEW, [{"new_name": name} for name in sorted(now - before)])
    lasting = await connection.fetch(_LASTING, names=sorted(now), seconds=seconds)
    return {row.name.removeprefix(kind) for row in lasting}


async def any_of_kind(connection: Connection, kind: str) -> bool:
    """Tell whether anything of a kind has been seen and not been forgotten."""
    rows = await connection.fetch(_OF_KIND, kind=kind)
    return any(row.name.startswith(kind) for row in rows)


async def take_turn(connection: Connection, name: str, every: float) -> bool:
    """Tell whether it is time for something that is done once in a while by one of many.

    Args:
        connection: An open write transaction.
        name: Of what is done.
        every: Seconds between two times.
    """
    known: Sequence[object] = await connection.fetch(_KNOWN, names=[name])
    if not known:
        await connection.run_many(_NEW, [{"new_name": name}])
        return True
    return bool(await connection.fetch(_TAKE_TURN, by_name=name, within=every))
