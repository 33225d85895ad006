"""API keys: their rows, and what the gateway asks about them.

A row is never removed: once there has been a key the server asks for one, also when all of them
have been revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy import bindparam as parameter

from dalston.common.access import Caller, Limits, Scope
from dalston.common.errors import KeyNotFoundError
from dalston.db.limits import add_owner, limits_of
from dalston.db.parameters import given
from dalston.db.statements import Connection, Statement, any_of
from dalston.db.tables import DatabaseAgo, DatabaseNow, api_keys


class KeyRow(msgspec.Struct, frozen=True):
    """What is known of a key. Times are in UTC.

    Attributes:
        prefix: Its part that may be shown.
        digest: SHA-256 of the whole, in hexadecimal digits.
        usable: Whether it is neither revoked nor expired, by the database's clock.
    """

    prefix: str
    digest: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    usable: bool


class KnownKey(msgspec.Struct, frozen=True):
    """A key as the gateway needs it."""

    digest: str
    usable: bool
    caller: Caller


_COLUMNS = "prefix digest name owner scopes created_at expires_at revoked_at"
_USABLE = and_(
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > DatabaseAgo(0)),
)
_KEY = select(*(api_keys.c[name] for name in _COLUMNS.split()), _USABLE.label("usable"))
_LIST = Statement(_KEY.order_by(api_keys.c.created_at, api_keys.c.prefix))
_FIND = Statement(_KEY.where(any_of(api_keys.c.prefix, "prefixes")))
_COUNT = Statement(
    select(func.count().label("some")).select_from(select(api_keys.c.prefix).limit(1).subquery())
)
_NEW = Statement(
    insert(api_keys).values(
        **given(api_keys, "prefix digest name owner scopes expires_at"), created_at=DatabaseNow()
    )
)
_REVOKE = Statement(
    update(api_keys)
    .where(api_keys.c.prefix == parameter("by_prefix"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=DatabaseNow())
)


async def add_key(
    connection: Connection,
    *,
    prefix: str,
    digest: str,
    name: str,
    owner: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
) -> None:
    """Write a new key, and its owner if that is new too."""
    await add_owner(connection, owner)
    await connection.fetch(
        _NEW,
        prefix=prefix,
        digest=digest,
        name=name,
        owner=owner,
        scopes=sorted(scopes),
        expires_at=expires_at,
    )


async def list_keys(connection: Connection) -> list[KeyRow]:
    """Return all keys, oldest first."""
    return [_key_of(row) for row in await connection.fetch(_LIST)]


async def revoke_key(connection: Connection, prefix: str) -> None:
    """End a key's life; one that has ended already stays as it is.

    Raises:
        KeyNotFoundError: There is none of that prefix.
    """
    if not await connection.fetch(_FIND, prefixes=[prefix]):
        raise KeyNotFoundError(f"There is no key {prefix}. `dalston keys list` shows all prefixes.")
    await connection.fetch(_REVOKE, by_prefix=prefix)


async def any_key(connection: Connection) -> bool:
    """Tell whether there is a key, or ever was."""
    row = await connection.fetch_one(_COUNT)
    return row is not None and bool(row.some)


async def find_keys(connection: Connection, prefixes: Sequence[str]) -> dict[str, KnownKey]:
    """Return those of some keys that there are, by prefix."""
    found = [_key_of(row) for row in await connection.fetch(_FIND, prefixes=prefixes)]
    limits = await limits_of(connection, {key.owner for key in found}) if found else {}
    return {
        key.prefix: KnownKey(
            key.digest, key.usable, Caller(key.owner, key.scopes, limits.get(key.owner, Limits()))
        )
        for key in found
    }


def _key_of(row: object) -> KeyRow:
    values = {name: getattr(row, name) for name in KeyRow.__struct_fields__}
    values["scopes"] = frozenset(Scope(name) for name in values["scopes"])
    values["usable"] = bool(values["usable"])
    return KeyRow(**values)
