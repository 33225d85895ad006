"""What is still to be told of the ends of jobs."""

from __future__ import annotations

from sqlalchemy import Float, Integer, String, bindparam, delete, insert, null, select, update

from dalston.common.webhooks import EXCHANGED_SECONDS, GIVE_UP_SECONDS, DeliveryState
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import (
    DatabaseAgo,
    DatabaseLater,
    DatabaseNow,
    deliveries,
    webhooks,
)

ENDPOINTS = select(webhooks.c.id, webhooks.c.owner, webhooks.c.url).where(
    any_of(webhooks.c.owner, "owners"), webhooks.c.disabled_at.is_(None)
)
QUEUE = insert(deliveries).values(
    **given(deliveries, "id job_id owner webhook_id url event data"),
    state=DeliveryState.PENDING.value,
    attempts=0,
    failures=0,
    created_at=DatabaseNow(),
    due_at=DatabaseNow(),
    give_up_at=DatabaseLater(GIVE_UP_SECONDS),
)
_IS_DUE = deliveries.c.due_at <= DatabaseAgo(0)
ANY_DUE = select(deliveries.c.id).where(_IS_DUE).limit(1)
_CLAIMED_FIELDS = "id job_id owner webhook_id url event data created_at attempts failures"
DUE = (
    select(*(deliveries.c[name] for name in _CLAIMED_FIELDS.split()))
    .where(_IS_DUE, ~any_of(deliveries.c.owner, "busy"))
    .order_by(deliveries.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
CLAIM = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("by_id"),
        deliveries.c.attempts == bindparam("by_attempts", type_=Integer),
    )
    .values(
        attempts=deliveries.c.attempts + 1,
        last_attempt_at=DatabaseNow(),
        due_at=DatabaseLater(bindparam("by_lease", type_=Float)),
    )
)
GENERATIONS = select(
    webhooks.c.id,
    webhooks.c.generation,
    (webhooks.c.exchanged_at > DatabaseAgo(EXCHANGED_SECONDS)).label("exchanging"),
).where(any_of(webhooks.c.id, "webhook_ids"))
_LAST = {
    "last_status": bindparam("by_status", type_=Integer),
    "last_error": bindparam("by_error", type_=String),
}
_OF_ATTEMPT = (
    deliveries.c.id == bindparam("by_id"),
    deliveries.c.attempts == bindparam("by_attempt", type_=Integer),
    deliveries.c.state == DeliveryState.PENDING.value,
)
DELIVERED = (
    update(deliveries)
    .where(*_OF_ATTEMPT)
    .values(**_LAST, state=DeliveryState.DELIVERED.value, due_at=null(), delivered_at=DatabaseNow())
)
_GIVE_UP = (
    update(deliveries)
    .where(*_OF_ATTEMPT)
    .values(
        **_LAST,
        state=DeliveryState.FAILED.value,
        due_at=null(),
        failures=deliveries.c.failures + 1,
    )
)
GIVE_UP_AT_ONCE = _GIVE_UP
GIVE_UP_IN_TIME = _GIVE_UP.where(deliveries.c.give_up_at <= DatabaseAgo(0))
TRY_AGAIN = (
    update(deliveries)
    .where(*_OF_ATTEMPT)
    .values(
        **_LAST,
        failures=deliveries.c.failures + 1,
        due_at=DatabaseLater(bindparam("by_pause", type_=Float)),
    )
)
DROP = delete(deliveries).where(any_of(deliveries.c.id, "ids"))
DISABLE = (
    update(webhooks)
    .where(any_of(webhooks.c.id, "webhook_ids"), webhooks.c.disabled_at.is_(None))
    .values(disabled_at=DatabaseNow())
)
GIVE_UP_ALL = (
    update(deliveries)
    .where(
        any_of(deliveries.c.webhook_id, "webhook_ids"),
        deliveries.c.state == DeliveryState.PENDING.value,
    )
    .values(state=DeliveryState.FAILED.value, due_at=null())
)
FORGET_OLD = delete(deliveries).where(
    deliveries.c.created_at < DatabaseAgo(bindparam("seconds", type_=Float)),
    deliveries.c.state != DeliveryState.PENDING.value,
)
