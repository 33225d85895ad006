"""Rows that a transaction holds."""

from __future__ import annotations

from sqlalchemy import select

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.reading import JOB_COLUMNS
from dalston.db.definitions.tables import jobs, tasks

_TASK_COLUMNS = (
    "id job_id engine_id status hand_out token instance failures losses restarts final "
    "optional expands"
)
LOCK_JOBS = (
    select(*JOB_COLUMNS).where(any_of(jobs.c.id, "job_ids")).order_by(jobs.c.id).with_for_update()
)
LOCK_TASKS = (
    select(*(tasks.c[name] for name in _TASK_COLUMNS.split()))
    .where(any_of(tasks.c.id, "task_ids"))
    .order_by(tasks.c.id)
    .with_for_update()
)
