"""Registered endpoints and the list of deliveries, each of one owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec
from sqlalchemy import (
    Integer,
    Select,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from dalston.db.outbox import GIVE_UP_SECONDS, DeliveryState
from dalston.db.parameters import given
from dalston.db.statements import Connection, Row, Statement
from dalston.db.tables import DatabaseLater, DatabaseNow, UTCDateTime, deliveries, jobs, webhooks


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


_MINE = webhooks.c.owner == bindparam("owner", type_=String)
_NEW = Statement(
    insert(webhooks).values(
        **given(webhooks, "id owner url"), generation=1, created_at=DatabaseNow()
    )
)
_WEBHOOKS = select(*(webhooks.c[name] for name in Webhook.__struct_fields__)).where(_MINE)
_LIST = Statement(_WEBHOOKS.order_by(webhooks.c.created_at, webhooks.c.id))
_FIND = Statement(_WEBHOOKS.where(webhooks.c.id == bindparam("id", type_=String)))
_COUNT = Statement(select(func.count().label("some")).select_from(webhooks).where(_MINE))
_ONE = (webhooks.c.owner == bindparam("by_owner"), webhooks.c.id == bindparam("by_id"))
_EXCHANGE = Statement(
    update(webhooks)
    .where(*_ONE)
    .values(generation=webhooks.c.generation + 1, exchanged_at=DatabaseNow())
)
_REMOVE = Statement(delete(webhooks).where(*_ONE))
_REMOVE_DELIVERIES = Statement(
    delete(deliveries).where(
        deliveries.c.owner == bindparam("by_owner"), deliveries.c.webhook_id == bindparam("by_id")
    )
)
_DELIVERIES: Select[*tuple[object, ...]] = (
    select(*(deliveries.c[name] for name in Delivery.__struct_fields__))
    .join(jobs, jobs.c.id == deliveries.c.job_id)
    .where(
        deliveries.c.owner == bindparam("owner", type_=String),
        # Of a job that is deleted nothing is shown, also while its rows are still there.
        jobs.c.deleted_at.is_(None),
    )
)
_DELIVERY = Statement(_DELIVERIES.where(deliveries.c.id == bindparam("id", type_=String)))
_BEFORE = or_(
    deliveries.c.created_at < bindparam("before", type_=UTCDateTime),
    and_(
        deliveries.c.created_at == bindparam("before", type_=UTCDateTime),
        deliveries.c.id < bindparam("before_id", type_=String),
    ),
)
_FILTERS = {
    "before": _BEFORE,
    "job_id": deliveries.c.job_id == bindparam("job_id", type_=String),
    "webhook_id": deliveries.c.webhook_id == bindparam("webhook_id", type_=String),
    "state": deliveries.c.state == bindparam("state", type_=String),
}
_PAGES: dict[tuple[str, ...], Statement] = {}
"""By the names of what is filtered by: each is compiled once."""
_SEND_AGAIN = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("by_id"))
    .values(
        state=DeliveryState.PENDING.value,
        failures=0,
        due_at=DatabaseNow(),
        give_up_at=DatabaseLater(GIVE_UP_SECONDS),
        delivered_at=null(),
    )
)


async def add_webhook(connection: Connection, webhook_id: str, owner: str, url: str) -> None:
    """Register an endpoint."""
    await connection.fetch(_NEW, id=webhook_id, owner=owner, url=url)


async def list_webhooks(connection: Connection, owner: str) -> list[Webhook]:
    """Return an owner's endpoints, the oldest first."""
    return [_webhook(row) for row in await connection.fetch(_LIST, owner=owner)]


async def count_webhooks(connection: Connection, owner: str) -> int:
    """Return how many endpoints an owner has."""
    row = await connection.fetch_one(_COUNT, owner=owner)
    return 0 if row is None else int(row.some)


async def find_webhook(connection: Connection, owner: str, webhook_id: str) -> Webhook | None:
    """Return an owner's endpoint, if there is one of that id."""
    row = await connection.fetch_one(_FIND, owner=owner, id=webhook_id)
    return None if row is None else _webhook(row)


async def exchange_secret(connection: Connection, owner: str, webhook_id: str) -> None:
    """Count an endpoint's secret on; the one before signs too for a while."""
    await connection.fetch(_EXCHANGE, by_owner=owner, by_id=webhook_id)


async def remove_webhook(connection: Connection, owner: str, webhook_id: str) -> None:
    """Remove an endpoint, and whatever it was or is to be sent."""
    await connection.fetch(_REMOVE_DELIVERIES, by_owner=owner, by_id=webhook_id)
    await connection.fetch(_REMOVE, by_owner=owner, by_id=webhook_id)


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
    if names not in _PAGES:
        _PAGES[names] = Statement(
            _DELIVERIES.where(*(_FILTERS[name] for name in names))
            .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
            .limit(bindparam("limit", type_=Integer))
        )
    rows = await connection.fetch(_PAGES[names], owner=owner, limit=limit, **values)
    return [_delivery(row) for row in rows]


async def find_delivery(connection: Connection, owner: str, message_id: str) -> Delivery | None:
    """Return an owner's delivery, if there is one of that id."""
    row = await connection.fetch_one(_DELIVERY, owner=owner, id=message_id)
    return None if row is None else _delivery(row)


async def send_again(connection: Connection, message_id: str) -> None:
    """Have a message sent once more, however it ended, under the same id."""
    await connection.fetch(_SEND_AGAIN, by_id=message_id)


def _webhook(row: Row) -> Webhook:
    return Webhook(*row)


def _delivery(row: Row) -> Delivery:
    values = {name: getattr(row, name) for name in Delivery.__struct_fields__}
    values["state"] = DeliveryState(values["state"])
    return Delivery(**values)
