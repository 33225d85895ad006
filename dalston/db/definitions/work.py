"""What the orchestrator asks before it acts."""

from __future__ import annotations

from sqlalchemy import Integer, String, bindparam, exists, or_, select

from dalston.common.models import JobStatus, TaskStatus
from dalston.db.definitions.conditions import any_of, known_jobs, one_of
from dalston.db.definitions.entries import WAITING_FOR_NOTHING, done
from dalston.db.definitions.tables import DatabaseAgo, jobs, tasks, webhooks

_LIMIT = bindparam("limit", type_=Integer)
PENDING_JOBS = (
    select(jobs.c.id, jobs.c.resumed)
    .where(jobs.c.status == JobStatus.PENDING.value, known_jobs())
    .order_by(jobs.c.created_at)
    .limit(_LIMIT)
)
_RUNNING_COLUMNS = (
    tasks.c.id,
    tasks.c.job_id,
    tasks.c.hand_out,
    tasks.c.token,
    tasks.c.instance,
    tasks.c.engine_id,
    tasks.c.final,
    tasks.c.expands,
    tasks.c.started_at,
)
_RUNNING = select(*_RUNNING_COLUMNS).where(tasks.c.status == TaskStatus.RUNNING.value)
ALL_RUNNING = _RUNNING
RUNNING_OF = _RUNNING.where(
    tasks.c.instance.startswith(bindparam("prefix", type_=String), autoescape=False)
)
HANDED_OUT = select(tasks.c.engine_id, tasks.c.id).where(
    any_of(tasks.c.job_id, "job_ids"), tasks.c.status != TaskStatus.PENDING.value
)
STOPPED = select(tasks.c.engine_id, tasks.c.id).where(
    any_of(tasks.c.job_id, "job_ids"),
    one_of(tasks.c.status, (TaskStatus.CANCELLED, TaskStatus.FAILED)),
)
CANCELLED = select(tasks.c.engine_id, tasks.c.id).where(
    tasks.c.status == TaskStatus.CANCELLED.value,
    tasks.c.completed_at > DatabaseAgo(bindparam("within", type_=Integer)),
    tasks.c.instance.is_not(None),
)
ENGINES = select(tasks.c.engine_id).where(tasks.c.status == TaskStatus.READY.value).distinct()
PLANNED = select(tasks.c.id, tasks.c.stage, tasks.c.index, tasks.c.part, tasks.c.expands).where(
    tasks.c.job_id == bindparam("job_id"),
    or_(
        tasks.c.part.is_(None),
        tasks.c.index == 0,
        tasks.c.index >= bindparam("first", type_=Integer),
    ),
)
EXPANSIONS = select(tasks.c.job_id, tasks.c.id, tasks.c.output_path).where(
    any_of(tasks.c.job_id, "job_ids"),
    tasks.c.expands == 1,
    tasks.c.status == TaskStatus.COMPLETED.value,
)
_sibling = tasks.alias("sibling")
# Asked here because it costs no statement of its own: each job comes by once.
_HAS_ENDPOINT = exists(
    select(webhooks.c.id)
    .join(jobs, jobs.c.owner == webhooks.c.owner)
    .where(jobs.c.id == tasks.c.job_id, webhooks.c.disabled_at.is_(None))
    .correlate(tasks)
)
FINISHED = select(tasks.c.job_id, tasks.c.output_path, _HAS_ENDPOINT.label("has_endpoint")).where(
    any_of(tasks.c.job_id, "job_ids"),
    tasks.c.final == 1,
    tasks.c.status == TaskStatus.COMPLETED.value,
    ~exists(select(_sibling.c.id).where(_sibling.c.job_id == tasks.c.job_id, ~done(_sibling))),
)
OVERLOOKED_TASKS = (
    select(tasks.c.job_id)
    .join(jobs, jobs.c.id == tasks.c.job_id)
    .where(jobs.c.status == JobStatus.RUNNING.value, WAITING_FOR_NOTHING)
    .limit(_LIMIT)
)
OVERLOOKED_JOBS = (
    select(jobs.c.id)
    .where(
        jobs.c.status == JobStatus.RUNNING.value,
        ~exists(select(tasks.c.id).where(tasks.c.job_id == jobs.c.id, ~done(tasks))),
    )
    .limit(_LIMIT)
)
