"""Registered endpoints and the list of deliveries, each of one owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from dalston.common.webhooks import DeliveryState
from dalston.db.compiled import webhooks as sql
from dalston.db.statements import Connection, Row

_FILTERS = ("before", "job_id", "webhook_id", "state")
"""What a page of deliveries can be filtered by, in the order of the names of `sql.PAGES`."""


class Webhook(msgspec.Struct, frozen=True):
    """A registered endpoint. Times are in UTC.

    Attributes:
        generation: How often its secret has been exchanged, from 1.
        exchanged_at: When that was last.
        disabled_at: Since when it is sent nothing, because it said that it is gone (410).
    """

    id: str
    owner: str
    url: str
    generation: int
    created_at: datetime
    exchanged_at: datetime | None
    disabled_at: datetime | None


class Delivery(msgspec.Struct, frozen=True):
    """A message to one receiver. Times are in UTC.

    Attributes:
        webhook_id: The endpoint that it is for; None if its job named the address.
        attempts: How often it was tried to send it.
        due_at: When it is tried next; None if it isn't.
        last_status: HTTP status of the last answer.
        last_error: Code of why the last try failed.
    """

    id: str
    job_id: str
    webhook_id: str | None
    url: str
    event: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime | None
    last_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None


async def add_webhook(connection: Connection, webhook_id: str, owner: str, url: str) -> None:
    """Register an endpoint."""
    await connection.fetch(sql.NEW, id=webhook_id, owner=owner, url=url)


async def list_webhooks(connection: Connection, owner: str) -> list[Webhook]:
    """Return an owner's endpoints, the oldest first."""
    return [_webhook(row) for row in await connection.fetch(sql.LIST, owner=owner)]


async def count_webhooks(connection: Connection, owner: str) -> int:
    """Return how many endpoints an owner has."""
    row = await connection.fetch_one(sql.COUNT, owner=owner)
    return 0 if row is None else int(row.some)


async def find_webhook(connection: Connection, owner: str, webhook_id: str) -> Webhook | None:
    """Return an owner's endpoint, if there is one of that id."""
    row = await connection.fetch_one(sql.FIND, owner=owner, id=webhook_id)
    return None if row is None else _webhook(row)


async def exchange_secret(connection: Connection, owner: str, webhook_id: str) -> None:
    """Count an endpoint's secret on; the one before signs too for a while."""
    await connection.fetch(sql.EXCHANGE, by_owner=owner, by_id=webhook_id)


async def remove_webhook(connection: Connection, owner: str, webhook_id: str) -> None:
    """Remove an endpoint, and whatever it was or is to be sent."""
    # In this order, as who hears that an endpoint is gone: otherwise each waits for the other.
    await connection.fetch(sql.REMOVE, by_owner=owner, by_id=webhook_id)
    await connection.fetch(sql.REMOVE_DELIVERIES, by_owner=owner, by_id=webhook_id)


async def list_deliveries(
    connection: Connection,
    owner: str,
    limit: int,
    before: tuple[datetime, str] | None = None,
    only: Mapping[str, str] = MappingProxyType({}),
) -> list[Delivery]:
    """Return a page of an owner's deliveries, the newest first.

    Args:
        connection: Of the database.
        owner: Whose.
        limit: How many at most.
        before: Creation time and id of the last one of the page before.
        only: Values of `job_id`, `webhook_id` and `state` that they must have.
    """
    values: dict[str, object] = dict(only)
    if before is not None:
        values |= {"before": before[0], "before_id": before[1]}
    names = tuple(name for name in _FILTERS if name in values)
    rows = await connection.fetch(sql.PAGES[names], owner=owner, limit=limit, **values)
    return [_delivery(row) for row in rows]


async def find_delivery(connection: Connection, owner: str, message_id: str) -> Delivery | None:
    """Return an owner's delivery, if there is one of that id."""
    row = await connection.fetch_one(sql.DELIVERY, owner=owner, id=message_id)
    return None if row is None else _delivery(row)


async def send_again(connection: Connection, message_id: str) -> None:
    """Have a message sent once more, however it ended, under the same id."""
    await connection.fetch(sql.SEND_AGAIN, by_id=message_id)


def _webhook(row: Row) -> Webhook:
    return Webhook(*row)


def _delivery(row: Row) -> Delivery:
    values = {name: getattr(row, name) for name in Delivery.__struct_fields__}
    values["state"] = DeliveryState(values["state"])
    return Delivery(**values)
