"""Idempotency keys: a client's name for a submission, which is one job however often it comes.

A client that sends the same again by itself has no such name for it. Its submissions are named by
their content, with a name that no client can say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from dalston.db.compiled import idempotency as sql
from dalston.db.statements import Connection


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A key as it came with a submission.

    Attributes:
        owner: Whose it is: two owners may have the same.
        key: As the client says it.
        content: SHA-256 of what came with it, in hexadecimal digits.
        job_id: The job that it stands for.
    """

    owner: str
    key: str
    content: str
    job_id: str

    @classmethod
    def of_content(cls, owner: str, content: str, job_id: str) -> IdempotencyKey:
        """Return the key that a submission has by its content alone."""
        # A client's key has no blank.
        return cls(owner, f"content {content}", content, job_id)


async def known_keys(
    connection: Connection, named: Collection[tuple[str, str]]
) -> dict[tuple[str, str], IdempotencyKey]:
    """Return what some keys stand for.

    Args:
        connection: Of the database.
        named: Owner and key of each.
    """
    if not named:
        return {}
    rows = await connection.fetch(
        sql.KNOWN,
        owners=sorted({owner for owner, _ in named}),
        keys=sorted({key for _, key in named}),
    )
    # Also those that one owner has of another one's keys are among them.
    found = {(row.owner, row.key): IdempotencyKey(*row) for row in rows}
    return {name: found[name] for name in named if name in found}


async def joinable_jobs(connection: Connection, keys: Collection[IdempotencyKey]) -> set[str]:
    """Return the jobs of some keys that a client can mean that sends the same again by itself.

    One that was completed long ago was made on another occasion: the first try of this one was
    refused.
    """
    owner_of = {key.job_id: key.owner for key in keys}
    rows = await connection.fetch(sql.JOINABLE, job_ids=sorted(owner_of))
    return {row.id for row in rows if owner_of[row.id] == row.owner}


async def remember_keys(
    connection: Connection, new: Sequence[IdempotencyKey], replaced: Collection[tuple[str, str]]
) -> None:
    """Write keys, and remove those whose time is over.

    Args:
        connection: Of the database.
        new: The keys.
        replaced: Owner and key of those that stood for another job before.
    """
    if new:
        await connection.fetch(sql.FORGET)
        if replaced:
            rows = [{"by_owner": owner, "by_key": key} for owner, key in sorted(replaced)]
            await connection.run_many(sql.REPLACE, rows)
        await connection.run_many(sql.REMEMBER, [msgspec.structs.asdict(key) for key in new])


async def forget_old_keys(connection: Connection) -> None:
    """Remove keys whose time is over, should nobody send another one that takes them along.

    A client may have put into its key what must not outlive the job, and a recording's digest tells
    whoever has the recording that it was here.
    """
    await connection.fetch(sql.FORGET)
