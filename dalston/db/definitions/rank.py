"""What the order of ready tasks follows from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ScalarSelect, bindparam, func, select

from dalston.common.models import JobStatus, TaskStatus
from dalston.db.definitions.conditions import one_of
from dalston.db.definitions.tables import jobs, tasks

_COUNTED_JOBS = 1000
"""An owner's jobs are counted up to here, so that ranking costs the same at any backlog."""


def _rank(best: Any, status: TaskStatus) -> ScalarSelect[float]:  # noqa: ANN401 - min or max
    return (
        select(best(tasks.c.rank))
        .where(tasks.c.engine_id == bindparam("engine_id"), tasks.c.status == status.value)
        .scalar_subquery()
    )


def _running_jobs() -> ScalarSelect[int]:
    some = (
        select(jobs.c.id)
        .where(jobs.c.owner == bindparam("owner"), jobs.c.status == JobStatus.RUNNING.value)
        .limit(_COUNTED_JOBS)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


BASIS = select(
    func.coalesce(
        _rank(func.max, TaskStatus.RUNNING), _rank(func.min, TaskStatus.READY), 0.0
    ).label("virtual_time"),
    _running_jobs().label("running_jobs"),
)
LAST_OF_JOB = select(func.max(tasks.c.rank).label("rank")).where(
    tasks.c.job_id == bindparam("job_id"),
    tasks.c.engine_id == bindparam("engine_id"),
    one_of(tasks.c.status, (TaskStatus.READY, TaskStatus.RUNNING)),
)
