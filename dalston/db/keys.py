"""API keys: their rows, and what the gateway asks about them.

A row is never removed: once there has been a key the server asks for one, also when all of them
have been revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from dalston.common.access import Caller, Limits, Scope
from dalston.common.errors import KeyNotFoundError
from dalston.db.compiled import keys as sql
from dalston.db.limits import add_owner, limits_of
from dalston.db.statements import Connection


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
        sql.NEW,
        prefix=prefix,
        digest=digest,
        name=name,
        owner=owner,
        scopes=sorted(scopes),
        expires_at=expires_at,
    )


async def list_keys(connection: Connection) -> list[KeyRow]:
    """Return all keys, oldest first."""
    return [_key_of(row) for row in await connection.fetch(sql.LIST)]


async def revoke_key(connection: Connection, prefix: str) -> None:
    """End a key's life; one that has ended already stays as it is.

    Raises:
        KeyNotFoundError: There is none of that prefix.
    """
    if not await connection.fetch(sql.FIND, prefixes=[prefix]):
        raise KeyNotFoundError(f"There is no key {prefix}. `dalston keys list` shows all prefixes.")
    await connection.fetch(sql.REVOKE, by_prefix=prefix)


async def any_key(connection: Connection) -> bool:
    """Tell whether there is a key, or ever was."""
    row = await connection.fetch_one(sql.COUNT)
    return row is not None and bool(row.some)


async def find_keys(connection: Connection, prefixes: Sequence[str]) -> dict[str, KnownKey]:
    """Return those of some keys that there are, by prefix."""
    found = [_key_of(row) for row in await connection.fetch(sql.FIND, prefixes=prefixes)]
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
