"""What has waited or run for too long."""

from __future__ import annotations

from sqlalchemy import Float, Integer, bindparam, exists, null, or_, select, update

from dalston.common.models import JobStatus, TaskStatus
from dalston.common.webhooks import GIVE_UP_SECONDS, DeliveryState
from dalston.db.definitions.conditions import known_jobs
from dalston.db.definitions.parameters import ERROR
from dalston.db.definitions.tables import (
    DatabaseAgo,
    DatabaseLater,
    DatabaseNow,
    deliveries,
    edges,
    jobs,
    tasks,
)

_LIMIT = bindparam("limit", type_=Integer)
LATE_JOBS = (
    # A job that has ended has none.
    select(jobs.c.id, jobs.c.resumed, jobs.c.deadline_seconds)
    .where(jobs.c.deadline_at < DatabaseAgo(0))
    .order_by(jobs.c.deadline_at)
    .limit(_LIMIT)
)
_before = tasks.alias("before")
_SINCE = DatabaseAgo(bindparam("seconds", type_=Float))
WAITING = (
    select(tasks.c.id, tasks.c.job_id, tasks.c.stage, tasks.c.hand_out)
    .join(jobs, jobs.c.id == tasks.c.job_id)
    .where(
        tasks.c.engine_id == bindparam("engine_id"),
        tasks.c.status == TaskStatus.READY.value,
        or_(tasks.c.not_before.is_(None), tasks.c.not_before < _SINCE),
        jobs.c.started_at < _SINCE,
        # It became ready when the last of these had ended.
        ~exists(
            select(edges.c.task_id)
            .join(_before, _before.c.id == edges.c.after_id)
            .where(edges.c.task_id == tasks.c.id, _before.c.completed_at >= _SINCE)
        ),
    )
    .order_by(tasks.c.rank)
    .limit(_LIMIT)
)
UNPLANNED = (
    select(jobs.c.id, jobs.c.pipeline)
    .where(jobs.c.status == JobStatus.PENDING.value, ~known_jobs())
    .order_by(jobs.c.created_at)
    .limit(_LIMIT)
)
UNEXPANDED = (
    select(tasks.c.id, tasks.c.job_id, jobs.c.pipeline)
    .join(jobs, jobs.c.id == tasks.c.job_id)
    .where(
        tasks.c.status == TaskStatus.RUNNING.value,
        tasks.c.expands == 1,
        ~known_jobs(),
    )
    .limit(_LIMIT)
)
GIVE_UP = (
    update(tasks)
    .where(
        tasks.c.id == bindparam("by_id"),
        tasks.c.hand_out == bindparam("by_hand_out"),
        tasks.c.status == TaskStatus.READY.value,
    )
    .values(**ERROR, status=TaskStatus.FAILED.value, completed_at=DatabaseNow())
)

# No pause is so long: what waits for such a moment was told to while the clock was ahead.
_TOO_FAR = DatabaseLater(3 * 86400.0)
RELEASE_TASKS = (
    update(tasks)
    .where(tasks.c.status == TaskStatus.READY.value, tasks.c.not_before > _TOO_FAR)
    .values(not_before=null())
)
RELEASE_DELIVERIES = (
    update(deliveries)
    .where(deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.due_at > _TOO_FAR)
    .values(due_at=DatabaseNow(), give_up_at=DatabaseLater(GIVE_UP_SECONDS))
)
