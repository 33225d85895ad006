"""Owners and their limits."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, update

from dalston.common.access import Limits
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseNow, UTCDateTime, owners

_LIMITS = Limits.__struct_fields__
ROWS = select(owners.c.name, *(owners.c[name] for name in _LIMITS)).where(
    any_of(owners.c.name, "names")
)
ALL = select(owners.c.name, *(owners.c[name] for name in _LIMITS)).order_by(owners.c.name)
NEW = insert(owners).values(**given(owners, "name"), audio_seconds=0.0)
SET = (
    update(owners)
    .where(owners.c.name == bindparam("by_name"))
    .values(**{name: bindparam(name, type_=owners.c[name].type) for name in _LIMITS})
)
LOCK = (
    select(
        owners.c.name,
        owners.c.requests_paid,
        owners.c.audio_day,
        owners.c.audio_seconds,
        DatabaseNow().label("now"),
    )
    .where(any_of(owners.c.name, "names"))
    .order_by(owners.c.name)
    .with_for_update()
)
PAY = (
    update(owners)
    .where(owners.c.name == bindparam("by_name"))
    .values(requests_paid=bindparam("by_paid", type_=UTCDateTime))
)
