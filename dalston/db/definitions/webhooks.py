"""Registered endpoints, and the list of deliveries."""

from __future__ import annotations

from itertools import combinations

from sqlalchemy import (
    Integer,
    Select,
    String,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    tuple_,
    update,
)

from dalston.common.webhooks import GIVE_UP_SECONDS, DeliveryState
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import (
    DatabaseLater,
    DatabaseNow,
    UTCDateTime,
    deliveries,
    jobs,
    webhooks,
)

_MINE = webhooks.c.owner == bindparam("owner", type_=String)
NEW = insert(webhooks).values(
    **given(webhooks, "id owner url"), generation=1, created_at=DatabaseNow()
)
_WEBHOOK_COLUMNS = "id owner url generation created_at exchanged_at disabled_at"
_WEBHOOKS = select(*(webhooks.c[name] for name in _WEBHOOK_COLUMNS.split())).where(_MINE)
LIST = _WEBHOOKS.order_by(webhooks.c.created_at, webhooks.c.id)
FIND = _WEBHOOKS.where(webhooks.c.id == bindparam("id", type_=String))
COUNT = select(func.count().label("some")).select_from(webhooks).where(_MINE)
_ONE = (webhooks.c.owner == bindparam("by_owner"), webhooks.c.id == bindparam("by_id"))
EXCHANGE = (
    update(webhooks)
    .where(*_ONE)
    .values(generation=webhooks.c.generation + 1, exchanged_at=DatabaseNow())
)
REMOVE = delete(webhooks).where(*_ONE)
REMOVE_DELIVERIES = delete(deliveries).where(
    deliveries.c.owner == bindparam("by_owner"), deliveries.c.webhook_id == bindparam("by_id")
)
_DELIVERY_COLUMNS = (
    "id job_id webhook_id url event state attempts created_at due_at last_attempt_at delivered_at "
    "last_status last_error"
)
_DELIVERIES: Select[*tuple[object, ...]] = (
    select(*(deliveries.c[name] for name in _DELIVERY_COLUMNS.split()))
    .join(jobs, jobs.c.id == deliveries.c.job_id)
    .where(
        deliveries.c.owner == bindparam("owner", type_=String),
        # Of a job that is deleted nothing is shown, also while its rows are still there.
        jobs.c.deleted_at.is_(None),
    )
)
DELIVERY = _DELIVERIES.where(deliveries.c.id == bindparam("id", type_=String))
# One comparison, as in `reading.py`.
_BEFORE = tuple_(deliveries.c.created_at, deliveries.c.id) < tuple_(
    bindparam("before", type_=UTCDateTime), bindparam("before_id", type_=String)
)
_FILTERS = {
    "before": _BEFORE,
    "job_id": deliveries.c.job_id == bindparam("job_id", type_=String),
    "webhook_id": deliveries.c.webhook_id == bindparam("webhook_id", type_=String),
    "state": deliveries.c.state == bindparam("state", type_=String),
}
PAGES = {
    names: _DELIVERIES.where(*(_FILTERS[name] for name in names))
    .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
    for number in range(len(_FILTERS) + 1)
    for names in combinations(_FILTERS, number)
}
"""By the names of what is filtered by, in the order of `_FILTERS`."""
SEND_AGAIN = (
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
