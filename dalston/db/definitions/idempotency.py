"""Idempotency keys."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, insert, or_, select

from dalston.common.models import LIVE_JOB, JobStatus
from dalston.db.definitions.conditions import any_of, one_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, idempotency_keys, jobs

KEPT_SECONDS = 24 * 3600.0
"""How long a key stands for its job."""
AGAIN_SECONDS = 3600.0
"""For how long after a job's end a client's own retry may come: it sends the recording again, and
OpenAI's wait ten minutes for an answer."""
_FIELDS = "owner key content job_id"


KNOWN = select(*(idempotency_keys.c[name] for name in _FIELDS.split())).where(
    any_of(idempotency_keys.c.owner, "owners"),
    any_of(idempotency_keys.c.key, "keys"),
    idempotency_keys.c.created_at > DatabaseAgo(KEPT_SECONDS),
)
JOINABLE = select(jobs.c.id, jobs.c.owner).where(
    any_of(jobs.c.id, "job_ids"),
    jobs.c.deleted_at.is_(None),
    or_(
        one_of(jobs.c.status, sorted(LIVE_JOB)),
        and_(
            jobs.c.status == JobStatus.COMPLETED.value,
            jobs.c.completed_at > DatabaseAgo(AGAIN_SECONDS),
        ),
    ),
)
FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= DatabaseAgo(KEPT_SECONDS))
REPLACE = delete(idempotency_keys).where(
    idempotency_keys.c.owner == bindparam("by_owner"),
    idempotency_keys.c.key == bindparam("by_key"),
)
REMEMBER = insert(idempotency_keys).values(
    **given(idempotency_keys, _FIELDS), created_at=DatabaseNow()
)
