"""API keys and limits in a deployment's database, as the command line writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import TypeVar

from dalston.common.access import Scope, digest_of, mint_key, prefix_of
from dalston.db.keys import add_key, revoke_key
from dalston.db.limits import set_limits
from dalston.db.session import Database
from dalston.db.statements import Connection
from tests.support.deployment import Deployment

Result = TypeVar("Result")
BOTH = (Scope.SUBMIT, Scope.READ)


def in_database(
    deployment: Deployment, change: Callable[[Connection], Awaitable[Result]]
) -> Result:
    """Make a change in one transaction."""

    async def make() -> Result:
        database = Database(deployment.database_url)
        try:
            async with database.write() as connection:
                return await change(connection)
        finally:
            await database.close()

    return asyncio.run(make())


def make_key(
    deployment: Deployment,
    owner: str,
    scopes: Collection[Scope] = BOTH,
    expires_at: datetime | None = None,
) -> str:
    """Make a key of an owner and return it."""
    key = mint_key()
    prefix = prefix_of(key)
    assert prefix is not None
    in_database(
        deployment,
        lambda connection: add_key(
            connection,
            prefix=prefix,
            digest=digest_of(key),
            name=f"a key of {owner}",
            owner=owner,
            scopes=scopes,
            expires_at=expires_at,
        ),
    )
    return key


def revoke(deployment: Deployment, key: str) -> None:
    """Revoke a key."""
    prefix = prefix_of(key)
    assert prefix is not None
    in_database(deployment, lambda connection: revoke_key(connection, prefix))


def limit(deployment: Deployment, owner: str, **limits: float | None) -> None:
    """Set limits of an owner."""
    in_database(deployment, lambda connection: set_limits(connection, owner, limits))


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}
