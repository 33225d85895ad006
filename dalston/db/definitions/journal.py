"""The history of jobs and tasks."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select

from dalston.db.definitions.tables import DatabaseNow, history, jobs

_COLUMNS = ("job_id", "task_id", "from_status", "to_status", "why", "attempt", "instance")
APPEND = (
    insert(history)
    .values({name: bindparam(name, type_=history.c[name].type) for name in _COLUMNS})
    .values(at=DatabaseNow())
)
STATUS = select(jobs.c.status).where(jobs.c.id == bindparam("job_id"))
SAID = (
    select(history.c.id)
    .where(history.c.job_id == bindparam("job_id"), history.c.why == bindparam("why"))
    .limit(1)
)
