"""Registered endpoints of webhooks, when several change them at once."""

from __future__ import annotations

import asyncio

from sqlalchemy import column, func, select, table

from dalston.common.access import LOCAL_OWNER
from dalston.common.webhooks import WebhookPolicy
from dalston.db import jobs as transitions
from dalston.db import outbox
from dalston.db.compiled import outbox as sql
from dalston.db.definitions.compiling import compile_statement
from dalston.db.locking import lock
from dalston.db.outbox import Tried
from dalston.gateway.services.webhooks import (
    MOST_WEBHOOKS,
    TooManyWebhooksError,
    WebhookService,
)
from tests.support.board import new_job
from tests.support.deployment import Deployment
from tests.support.gateway import WatchedDatabase
from tests.support.keys import in_database
from tests.support.waiting import until

POLICY = WebhookPolicy(secrets=("a secret of 32 bytes, or of more",), allow_private=True)
URL = "http://127.0.0.1:9/hook"
_LOCKS = table("pg_locks", column("granted"))
_WAITING = compile_statement(
    select(func.count().label("some")).select_from(_LOCKS).where(~_LOCKS.c.granted)
)


async def test_many_registrations_at_once_are_no_more_than_may_be(
    database: WatchedDatabase,
) -> None:
    service = WebhookService(database, POLICY)

    answers = await asyncio.gather(
        *(service.register(LOCAL_OWNER, URL) for _ in range(3 * MOST_WEBHOOKS)),
        return_exceptions=True,
    )

    refused = [answer for answer in answers if isinstance(answer, TooManyWebhooksError)]
    assert len(refused) == 2 * MOST_WEBHOOKS
    assert len(await service.endpoints(LOCAL_OWNER)) == MOST_WEBHOOKS


async def test_an_endpoint_that_is_removed_while_it_says_that_it_is_gone_waits_for_nobody(
    deployment: Deployment, database: WatchedDatabase
) -> None:
    service = WebhookService(database, POLICY)
    webhook_id = (await service.register(LOCAL_OWNER, URL)).webhook.id
    async with database.write() as connection:
        await transitions.create_jobs(connection, [new_job("job_000000000000")])
        locked = await lock(connection, ["job_000000000000"])
        await transitions.cancel_jobs(connection, locked, ["job_000000000000"])
    async with database.write() as connection:
        [claimed] = await outbox.claim_due(connection, 1, 60.0)

    async with database.write() as connection:
        # What a sender does first who hears it.
        await connection.fetch(sql.DISABLE, webhook_ids=[webhook_id])
        removing = asyncio.create_task(service.remove(LOCAL_OWNER, webhook_id))
        await asyncio.to_thread(_wait_for_a_lock, deployment)
        await outbox.note_outcome(connection, Tried(claimed, "not_accepted", 410, gone=True))
    await removing
    assert not await service.endpoints(LOCAL_OWNER)
    assert not await service.deliveries(LOCAL_OWNER, 10, None, {})


def _wait_for_a_lock(deployment: Deployment) -> None:
    """Wait until a transaction waits for another one; with SQLite none begins before."""

    def is_waiting() -> bool:
        return bool(in_database(deployment, lambda connection: connection.fetch(_WAITING))[0].some)

    if deployment.database_url.startswith("postgresql"):
        until(is_waiting, "a transaction to wait for another one")
