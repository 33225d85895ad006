"""Idempotency keys."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, idempotency_keys

KEPT_SECONDS = 24 * 3600.0
"""How long a key stands for its job."""
_FIELDS = "owner key content job_id"
KNOWN = select(*(idempotency_keys.c[name] for name in _FIELDS.split())).where(
    any_of(idempotency_keys.c.owner, "owners"),
    any_of(idempotency_keys.c.key, "keys"),
    idempotency_keys.c.created_at > DatabaseAgo(KEPT_SECONDS),
)
FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= DatabaseAgo(KEPT_SECONDS))
REPLACE = delete(idempotency_keys).where(
    idempotency_keys.c.owner == bindparam("by_owner"),
    idempotency_keys.c.key == bindparam("by_key"),
)
REMEMBER = insert(idempotency_keys).values(
    **given(idempotency_keys, _FIELDS), created_at=DatabaseNow()
)
