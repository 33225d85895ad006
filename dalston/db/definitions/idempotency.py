"""Idempotency keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, idempotency_keys

KEPT_SECONDS = 24 * 3600.0
"""How long a key stands for its job."""
AGAIN_SECONDS = 3600.0
"""How long a client's own retries may go on: OpenAI's wait ten minutes and try three times."""
_FIELDS = "owner key content job_id"


def _younger_than(seconds: float) -> Select[Any]:
    return select(*(idempotency_keys.c[name] for name in _FIELDS.split())).where(
        any_of(idempotency_keys.c.owner, "owners"),
        any_of(idempotency_keys.c.key, "keys"),
        idempotency_keys.c.created_at > DatabaseAgo(seconds),
    )


KNOWN = _younger_than(KEPT_SECONDS)
RECENT = _younger_than(AGAIN_SECONDS)
FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= DatabaseAgo(KEPT_SECONDS))
REPLACE = delete(idempotency_keys).where(
    idempotency_keys.c.owner == bindparam("by_owner"),
    idempotency_keys.c.key == bindparam("by_key"),
)
REMEMBER = insert(idempotency_keys).values(
    **given(idempotency_keys, _FIELDS), created_at=DatabaseNow()
)
