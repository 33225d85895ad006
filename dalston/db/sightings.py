"""When something was seen first and last, by the database's clock, whoever saw it.

Several processes look, each may end at any moment, and none may trust its own clock. So what has
to have been so for a while before anybody acts on it is noted here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dalston.db.compiled import sightings as sql
from dalston.db.statements import Connection


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
    rows = await connection.fetch(sql.OF_KIND, kind=kind)
    before = {row.name for row in rows if row.name.startswith(kind)}
    if before - now:
        await connection.fetch(sql.GONE, names=sorted(before - now))
    if not now:
        return set()
    both = sorted(before & now)
    await connection.fetch(sql.FORGOTTEN, names=both, within=within)
    await connection.fetch(sql.SEEN, names=both)
    await connection.run_many(sql.NEW, [{"new_name": name} for name in sorted(now - before)])
    lasting = await connection.fetch(sql.LASTING, names=sorted(now), seconds=seconds)
    return {row.name.removeprefix(kind) for row in lasting}


async def any_of_kind(connection: Connection, kind: str) -> bool:
    """Tell whether anything of a kind has been seen and not been forgotten."""
    return bool(await of_kind(connection, kind))


async def of_kind(connection: Connection, kind: str) -> set[str]:
    """Return the names of a kind that have been seen and not been forgotten."""
    rows = await connection.fetch(sql.OF_KIND, kind=kind)
    return {row.name.removeprefix(kind) for row in rows if row.name.startswith(kind)}


async def note_new(connection: Connection, kind: str, name: str) -> None:
    """Note what has never been seen, in an open write transaction."""
    await connection.run_many(sql.NEW, [{"new_name": f"{kind}{name}"}])


async def take_turn(connection: Connection, name: str, every: float) -> bool:
    """Tell whether it is time for something that is done once in a while by one of many.

    Args:
        connection: An open write transaction.
        name: Of what is done.
        every: Seconds between two times.
    """
    known: Sequence[object] = await connection.fetch(sql.KNOWN, names=[name])
    if not known:
        await connection.run_many(sql.NEW, [{"new_name": name}])
        return True
    return bool(await connection.fetch(sql.TAKE_TURN, by_name=name, within=every))
