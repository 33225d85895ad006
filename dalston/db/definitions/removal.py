"""Deleted jobs."""

from __future__ import annotations

from sqlalchemy import Float, Integer, bindparam, delete, func, select, update

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import (
    DatabaseAgo,
    DatabaseNow,
    deliveries,
    edges,
    history,
    jobs,
    tasks,
    versions,
)

HIDE = (
    update(jobs)
    .where(jobs.c.id == bindparam("by_id"), jobs.c.deleted_at.is_(None))
    .values(deleted_at=DatabaseNow())
)
OF_NO_INTEREST = delete(deliveries).where(deliveries.c.job_id == bindparam("by_id"))
WITHOUT_AUDIO = (
    update(jobs).where(jobs.c.id == bindparam("by_id")).values(audio_deleted_at=DatabaseNow())
)
SETTLED = (
    select(jobs.c.id)
    .where(jobs.c.deleted_at < DatabaseAgo(bindparam("seconds", type_=Float)))
    .order_by(jobs.c.deleted_at)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("skipped", type_=Integer))
)
SIZES = (
    select(tasks.c.job_id, func.count().label("tasks"))
    .where(any_of(tasks.c.job_id, "job_ids"))
    .group_by(tasks.c.job_id)
)
_OWN_TASKS = select(tasks.c.id).where(any_of(tasks.c.job_id, "job_ids"))
PURGE = [
    delete(edges).where(edges.c.task_id.in_(_OWN_TASKS)),
    delete(tasks).where(any_of(tasks.c.job_id, "job_ids")),
    delete(versions).where(any_of(versions.c.job_id, "job_ids")),
    delete(deliveries).where(any_of(deliveries.c.job_id, "job_ids")),
    delete(history).where(any_of(history.c.job_id, "job_ids")),
    delete(jobs).where(any_of(jobs.c.id, "job_ids"), jobs.c.deleted_at.is_not(None)),
]
