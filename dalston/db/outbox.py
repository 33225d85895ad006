"""The outbox: what is still to be told of the ends of jobs, and how far that is.

A row is written in the transaction that ends its job, so neither is there without the other.
Whoever sends it claims it first: that moves `due_at` on, and counts the attempt. A sender that dies
has therefore lost nothing; the row is due again by itself. The attempt's number is what its outcome
must name: who was too slow changes nothing any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from dalston.common.models import Job, JobStatus
from dalston.common.webhooks import EVENTS, new_message_id
from dalston.db.compiled import outbox as sql
from dalston.db.statements import Connection, Row

_PATH = "/v1/audio/transcriptions/{job_id}"


class Claimed(msgspec.Struct, frozen=True):
    """A message that this process is to send.

    Attributes:
        id: The message's.
        webhook_id: The registered endpoint that it goes to; None if the job itself named the URL.
        generation: How often the endpoint's secret has been exchanged.
        exchanging: Whether that was lately.
        attempt: This one's number, from 1.
        failures: How many tries have failed since it was last asked for.
    """

    id: str
    job_id: str
    owner: str
    webhook_id: str | None
    url: str
    event: str
    data: Any
    created_at: datetime
    attempt: int
    failures: int
    generation: int = 1
    exchanging: bool = False


class Tried(msgspec.Struct, frozen=True):
    """What came of an attempt.

    Attributes:
        error: Why it failed; None if it did not.
        status: The HTTP status of the answer, if there was one.
        gone: Whether the receiver wants to hear nothing more, ever.
        pause_seconds: When it is tried again, should it have failed.
    """

    claimed: Claimed
    error: str | None = None
    status: int | None = None
    gone: bool = False
    pause_seconds: float = 0.0


async def tell_of_end(
    connection: Connection,
    ended: Sequence[Job],
    status: JobStatus,
    why: str,
    having: Collection[str] | None = None,
) -> None:
    """Queue a message to each who wants to hear of a job's end; usually nobody does.

    Args:
        connection: The transaction that ends the jobs.
        ended: The jobs.
        status: How they have ended.
        why: The code of the reason, of failed ones.
        having: Ids of those whose owner has registered an endpoint, where that is known: then
            jobs that nobody wants to hear of cost no statement.
    """
    owners = sorted({job.owner for job in ended if having is None or job.id in having})
    endpoints = await connection.fetch(sql.ENDPOINTS, owners=owners) if owners else []
    rows = [
        {
            "id": new_message_id(),
            "job_id": job.id,
            "owner": job.owner,
            "webhook_id": webhook_id,
            "url": url,
            "event": EVENTS[status],
            "data": _data(job, status, why),
        }
        for job in ended
        for webhook_id, url in _receivers(job, endpoints)
    ]
    if rows:
        await connection.run_many(sql.QUEUE, rows)


def _receivers(job: Job, endpoints: Sequence[Row]) -> list[tuple[str | None, str]]:
    found: list[tuple[str | None, str]] = [
        (row.id, row.url) for row in endpoints if row.owner == job.owner
    ]
    if job.callback_url is not None and job.callback_url not in {url for _, url in found}:
        found.append((None, job.callback_url))
    return found


def _data(job: Job, status: JobStatus, why: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": job.id,
        "status": status.value,
        "version": job.version,
        "path": _PATH.format(job_id=job.id),
    }
    if status is JobStatus.FAILED:
        data["error"] = {"code": why}
    return data


async def any_due(connection: Connection) -> bool:
    """Tell whether there is anything to send now."""
    return await connection.fetch_one(sql.ANY_DUE) is not None


async def claim_due(
    connection: Connection,
    limit: int,
    lease_seconds: float,
    *,
    calls: Mapping[str, int] = MappingProxyType({}),
    most_calls: int = 10**6,
) -> list[Claimed]:
    """Take messages to send, the longest due first.

    Args:
        connection: An open write transaction.
        limit: How many at most.
        lease_seconds: After this they are due again, unless their outcome is known.
        calls: How many calls for each owner are under way here.
        most_calls: How many of those one owner may have.
    """
    rows: list[Row] = []
    taken = Counter(calls)
    is_done = False
    while not is_done:
        busy = sorted(owner for owner, count in taken.items() if count >= most_calls)
        found = await connection.fetch(sql.DUE, limit=limit - len(rows), busy=busy)
        mine = []
        for row in found:
            if taken[row.owner] < most_calls:
                taken[row.owner] += 1
                mine.append(row)
        claims = [
            {"by_id": row.id, "by_attempts": row.attempts, "by_lease": lease_seconds}
            for row in mine
        ]
        await connection.run_many(sql.CLAIM, claims)
        rows += mine
        # What was left may hide what is due of others.
        is_done = len(mine) == len(found)
    wanted = sorted({row.webhook_id for row in rows if row.webhook_id is not None})
    found = await connection.fetch(sql.GENERATIONS, webhook_ids=wanted) if wanted else []
    endpoints = {one.id: one for one in found}
    # An endpoint that was removed while a job ended: the message wasn't there to go with it.
    lost = {row.id for row in rows if row.webhook_id not in {None, *endpoints}}
    if lost:
        await connection.fetch(sql.DROP, ids=sorted(lost))
    return [_claimed(row, endpoints) for row in rows if row.id not in lost]


def _claimed(row: Row, endpoints: Mapping[str, Row]) -> Claimed:
    endpoint = endpoints.get(row.webhook_id)
    return Claimed(
        id=row.id,
        job_id=row.job_id,
        owner=row.owner,
        webhook_id=row.webhook_id,
        url=row.url,
        event=row.event,
        data=row.data,
        created_at=row.created_at,
        attempt=row.attempts + 1,
        failures=row.failures,
        generation=1 if endpoint is None else endpoint.generation,
        exchanging=endpoint is not None and bool(endpoint.exchanging),
    )


async def note_outcome(connection: Connection, tried: Tried) -> None:
    """Write what came of an attempt, unless the message has been claimed again since."""
    claimed = tried.claimed
    values = {
        "by_id": claimed.id,
        "by_attempt": claimed.attempt,
        "by_status": tried.status,
        "by_error": tried.error,
    }
    if tried.error is None:
        await connection.fetch(sql.DELIVERED, **values)
    elif tried.gone:
        if claimed.webhook_id is not None:
            # First, so that of two who hear the same one waits for the other.
            await connection.fetch(sql.DISABLE, webhook_ids=[claimed.webhook_id])
        await connection.fetch(sql.GIVE_UP_AT_ONCE, **values)
        if claimed.webhook_id is not None:
            await connection.fetch(sql.GIVE_UP_ALL, webhook_ids=[claimed.webhook_id])
    else:
        await connection.fetch(sql.GIVE_UP_IN_TIME, **values)
        await connection.fetch(sql.TRY_AGAIN, **values, by_pause=tried.pause_seconds)


async def forget_old(connection: Connection, days: float) -> None:
    """Remove what was done with some days ago; what hangs on a job goes with that before."""
    await connection.fetch(sql.FORGET_OLD, seconds=days * 86400.0)
