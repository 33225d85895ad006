"""Finds out who a request comes from, with the database's answers of the last seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dalston.common.access import LOCAL_OWNER, Caller, Limits, Scope, is_key_of, prefix_of
from dalston.common.errors import InvalidKeyError
from dalston.db.keys import KnownKey, any_key, find_keys
from dalston.db.limits import limits_of
from dalston.db.session import Database
from dalston.gateway.services.batches import Batches

LIFETIME_SECONDS = 3.0
"""How long an answer of the database is believed: a revoked key is good for that long at most."""
_ANONYMOUS = ""
"""Asked for in place of a prefix: who comes without a key."""
_MOST_ASKED = 256
_SCHEME = "bearer"


class Access:
    """Knows callers by what their `Authorization` header says."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = Batches(self._ask, _MOST_ASKED)
        self._known: dict[str, tuple[float, KnownKey]] = {}
        self._open: tuple[float, Caller] | None = None
        self._needs_key = False

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key, as far as is known."""
        return not self._needs_key

    async def caller(self, headers: Sequence[str]) -> Caller:
        """Return who asks.

        Args:
            headers: All values of the header `Authorization`.

        Raises:
            InvalidKeyError: There are keys, and the request has none that is valid.
            DatabaseUnavailableError: Nobody can tell.
        """
        if not self._needs_key and (caller := await self._anonymous()) is not None:
            return caller
        key = _key_in(headers)
        prefix = None if key is None else prefix_of(key)
        if key is None or prefix is None:
            raise _invalid()
        known = await self._find(prefix)
        if known is None or not is_key_of(key, known.digest) or not known.usable:
            raise _invalid()
        return known.caller

    async def _anonymous(self) -> Caller | None:
        """Return who comes without a key, or None once there has ever been one."""
        if self._open is None or self._open[0] < time.monotonic():
            await self._asked.add(_ANONYMOUS)
        return None if self._needs_key or self._open is None else self._open[1]

    async def _find(self, prefix: str) -> KnownKey | None:
        good_until, known = self._known.get(prefix, (0.0, None))
        if good_until < time.monotonic():
            known = await self._asked.add(prefix)
        return known

    async def _ask(self, prefixes: Sequence[str]) -> list[KnownKey | Exception | None]:
        # From before the question: what changes while it is being answered counts later.
        good_until = time.monotonic() + LIFETIME_SECONDS
        named = sorted(set(prefixes) - {_ANONYMOUS})
        async with self._database.read() as connection:
            if _ANONYMOUS in prefixes:
                self._needs_key = await any_key(connection)
                limits = await limits_of(connection, [LOCAL_OWNER])
                caller = Caller(LOCAL_OWNER, frozenset(Scope), limits.get(LOCAL_OWNER, Limits()))
                self._open = (good_until, caller)
            found = await find_keys(connection, named) if named else {}
        for prefix in named:
            # Unknown ones are not kept: anybody can think up as many as they like.
            self._known.pop(prefix, None)
            if prefix in found:
                self._known[prefix] = (good_until, found[prefix])
        return [found.get(prefix) for prefix in prefixes]


def _key_in(headers: Sequence[str]) -> str | None:
    if len(headers) != 1:
        return None
    scheme, _, key = headers[0].strip().partition(" ")
    return key.strip() if scheme.lower() == _SCHEME else None


def _invalid() -> InvalidKeyError:
    """Return the one error for every such request: it doesn't say what is wrong with a key."""
    return InvalidKeyError(
        "This server asks for a valid API key: Authorization: Bearer dk_… Whoever runs it makes "
        "one with `dalston keys create`."
    )
