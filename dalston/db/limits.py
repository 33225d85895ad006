"""Owners: what each may use, and the requests that it has used.

The counters are rows, so that all gateways count together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec

from dalston.common.access import Limits
from dalston.db.compiled import limits as sql
from dalston.db.statements import Connection, Row

EVERYBODY = "*"
"""The row whose limits hold where an owner's own row says nothing."""
MINUTE = 60.0
_LIMITS = Limits.__struct_fields__


class Granted(msgspec.Struct, frozen=True):
    """What was granted of some requests.

    Attributes:
        count: So many of them.
        left: So many more could follow at once.
        refill: Seconds until the full number can be sent again.
        wait: Seconds until the next one can be sent.
    """

    count: int
    left: int
    refill: float
    wait: float


async def add_owner(connection: Connection, name: str) -> None:
    """Write an owner's row, if there is none yet."""
    if not await connection.fetch(sql.ROWS, names=[name]):
        await connection.fetch(sql.NEW, name=name)


async def set_limits(connection: Connection, name: str, changed: Mapping[str, object]) -> Limits:
    """Change some limits of an owner, and return all that it has of its own.

    Args:
        connection: An open write transaction.
        name: The owner, or `EVERYBODY`.
        changed: By the name of the limit; None takes it away.
    """
    await add_owner(connection, name)
    [row] = await connection.fetch(sql.ROWS, names=[name])
    limits = msgspec.structs.replace(_limits_in(row), **changed)
    await connection.fetch(sql.SET, by_name=name, **msgspec.structs.asdict(limits))
    return limits


async def all_limits(connection: Connection) -> dict[str, Limits]:
    """Return each owner's own limits, and those for everybody."""
    return {row.name: _limits_in(row) for row in await connection.fetch(sql.ALL)}


async def limits_of(connection: Connection, names: Collection[str]) -> dict[str, Limits]:
    """Return the limits that hold for some owners: their own, else those for everybody."""
    rows = await connection.fetch(sql.ROWS, names=[*sorted(names), EVERYBODY])
    own = {row.name: _limits_in(row) for row in rows}
    general = own.get(EVERYBODY, Limits())
    return {name: _completed(own.get(name, Limits()), general) for name in names}


def _completed(own: Limits, general: Limits) -> Limits:
    values = {
        name: getattr(general, name) if value is None else value
        for name, value in msgspec.structs.asdict(own).items()
    }
    return Limits(**values)


def _limits_in(row: Row) -> Limits:
    return Limits(**{name: getattr(row, name) for name in _LIMITS})


async def lock_owners(connection: Connection, names: Collection[str]) -> dict[str, Row]:
    """Hold some owners' rows, in ascending order, and return them with the database's `now`."""
    rows = await connection.fetch(sql.LOCK, names=sorted(names))
    return {row.name: row for row in rows}


async def take_requests(
    connection: Connection, asked: Mapping[str, tuple[int, int]]
) -> dict[str, Granted]:
    """Count requests, and say how many of them may be answered.

    The generic cell rate algorithm (ITU-T I.371): a request moves the moment until which an
    owner has paid by its share of a minute, and is refused if that would be more than a minute
    ahead. So there is one number for each owner, and no edge between two minutes.

    Args:
        connection: An open write transaction.
        asked: By owner the number of requests, and how many there may be in a minute.
    """
    rows = await lock_owners(connection, asked)
    granted: dict[str, Granted] = {}
    paid: list[dict[str, object]] = []
    for owner, row in rows.items():
        count, limit = asked[owner]
        now: datetime = row.now
        ahead = max(0.0, (row.requests_paid - now).total_seconds()) if row.requests_paid else 0.0
        each = MINUTE / limit
        # A millisecond, which is what SQLite's clock tells, may be lost to rounding.
        room = int((MINUTE - ahead + 0.001) / each)
        taken = min(count, room)
        ahead += taken * each
        paid.append({"by_name": owner, "by_paid": now + timedelta(seconds=ahead)})
        wait = max(0.0, ahead + each - MINUTE)
        granted[owner] = Granted(taken, room - taken, ahead, wait)
    await connection.run_many(sql.PAY, paid)
    return granted
