"""What owners have used of their limits."""

from __future__ import annotations

from sqlalchemy import (
    Float,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from dalston.common.models import JobStatus
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseNow, audio_charges, jobs, owners, tasks

_UNENDED = (JobStatus.PENDING.value, JobStatus.RUNNING.value)
ROW = select(
    owners.c.name, owners.c.audio_day, owners.c.audio_seconds, DatabaseNow().label("now")
).where(owners.c.name == bindparam("owner"))
JOBS = select(func.count().label("jobs")).where(
    jobs.c.owner == bindparam("owner"), or_(*(jobs.c.status == one for one in _UNENDED))
)
# A recording that was uploaded before its job is charged apart, under a name that no job has.
_IS_UPLOAD = audio_charges.c.job_id.startswith("upload_")
_UPLOADS = (audio_charges.c.owner == bindparam("owner", type_=String), _IS_UPLOAD)
UPLOADS = select(func.coalesce(func.sum(audio_charges.c.seconds), 0.0).label("seconds")).where(
    *_UPLOADS, audio_charges.c.day == bindparam("day", type_=String)
)
FORGET_UPLOADS = delete(audio_charges).where(
    *_UPLOADS, audio_charges.c.day != bindparam("day", type_=String)
)
ENDED_CHARGES = (
    select(audio_charges.c.job_id, audio_charges.c.day, audio_charges.c.seconds, jobs.c.status)
    .outerjoin(jobs, jobs.c.id == audio_charges.c.job_id)
    .where(
        audio_charges.c.owner == bindparam("owner"),
        ~_IS_UPLOAD,
        or_(jobs.c.id.is_(None), and_(*(jobs.c.status != one for one in _UNENDED))),
    )
)
CHARGES_OF = (
    select(
        audio_charges.c.job_id,
        audio_charges.c.owner,
        audio_charges.c.day,
        audio_charges.c.seconds,
        jobs.c.status,
    )
    .join(jobs, jobs.c.id == audio_charges.c.job_id)
    .where(any_of(audio_charges.c.job_id, "job_ids"))
)
# The statuses are compared by who asks: a condition on one would have SQLite look through all tasks
# that have it, as long as it knows nothing of how many there are.
PARTS = select(tasks.c.job_id, tasks.c.part, tasks.c.expands, tasks.c.status).where(
    any_of(tasks.c.job_id, "job_ids"),
    or_(tasks.c.part.is_not(None), tasks.c.expands == 1),
)
CHARGE = insert(audio_charges).values(**given(audio_charges, "job_id owner day seconds"))
SETTLE = delete(audio_charges).where(any_of(audio_charges.c.job_id, "job_ids"))
USE = (
    update(owners)
    .where(owners.c.name == bindparam("by_name"))
    .values(
        audio_day=bindparam("by_day", type_=String),
        audio_seconds=bindparam("by_seconds", type_=Float),
    )
)
