"""Ready tasks, and what their entries in the queues are made of."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from dalston.common.models import TaskStatus
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import DatabaseAgo, edges, jobs, tasks

_source = tasks.alias("source")


def done(table: FromClause) -> ColumnElement[bool]:
    """Return the condition that nothing has to wait for a task any more.

    Args:
        table: `tasks`, or an alias of it.
    """
    return or_(
        table.c.status == TaskStatus.COMPLETED.value,
        table.c.status == TaskStatus.SKIPPED.value,
        and_(table.c.status == TaskStatus.FAILED.value, table.c.optional == 1),
    )


def unfinished_before() -> Select[tuple[str]]:
    """Return the edges from a task to those before it that it has to wait for."""
    before = tasks.alias("before")
    return (
        select(edges.c.task_id)
        .join(before, before.c.id == edges.c.after_id)
        .where(edges.c.task_id == tasks.c.id, ~done(before))
    )


def _entries() -> Select[tuple[object, ...]]:
    """Return what `_entry` needs, of tasks that are to be chosen."""
    return (
        select(
            tasks.c.id,
            tasks.c.hand_out,
            tasks.c.job_id,
            tasks.c.engine_id,
            tasks.c.stage,
            tasks.c.config,
            tasks.c.audio_from,
            tasks.c.part,
            tasks.c.final,
            tasks.c.expands,
            jobs.c.audio_path,
            jobs.c.audio_bytes,
            jobs.c.owner,
            _source.c.output_path.label("source_output"),
            _source.c.stage.label("source_stage"),
        )
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .outerjoin(_source, _source.c.id == tasks.c.audio_from)
    )


_IS_READY = and_(
    tasks.c.engine_id == bindparam("engine_id"),
    tasks.c.status == TaskStatus.READY.value,
    or_(tasks.c.not_before.is_(None), tasks.c.not_before <= DatabaseAgo(0)),
)
READY = (
    _entries()
    .where(_IS_READY)
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(bindparam("limit", type_=Integer))
)
# Looked up for each task: SQLite would begin a join at the jobs, and read all of them.
_OWNER = select(jobs.c.owner).where(jobs.c.id == tasks.c.job_id).scalar_subquery().label("owner")
_ready = (
    select(tasks.c.id, tasks.c.rank, _OWNER)
    .where(_IS_READY)
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(bindparam("looked_at", type_=Integer))
    .subquery("ready")
)
_working = select(tasks.c.id, tasks.c.rank, _OWNER, literal_column("0").label("waits")).where(
    tasks.c.engine_id == bindparam("engine_id"), tasks.c.status == TaskStatus.RUNNING.value
)
_both = union_all(_working, select(_ready, literal_column("1").label("waits"))).subquery("both")
_placed = select(
    _both.c.id,
    _both.c.waits,
    func.row_number()
    .over(partition_by=_both.c.owner, order_by=(_both.c.waits, _both.c.rank, _both.c.id))
    .label("place"),
).subquery("placed")
_in_share = select(_placed.c.id).where(
    _placed.c.waits == literal_column("1"), _placed.c.place <= bindparam("share", type_=Integer)
)
SHARED = (
    _entries()
    .where(tasks.c.id.in_(_in_share))
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(bindparam("limit", type_=Integer))
)
WAITING_FOR_NOTHING = and_(tasks.c.status == TaskStatus.PENDING.value, ~exists(unfinished_before()))
"""The condition that a task is pending and has nothing to wait for."""
DEPENDENTS = _entries().where(
    tasks.c.id.in_(select(edges.c.task_id).where(any_of(edges.c.after_id, "task_ids"))),
    WAITING_FOR_NOTHING,
)
STARTABLE = _entries().where(any_of(tasks.c.job_id, "job_ids"), WAITING_FOR_NOTHING)
OUTPUTS_BEFORE = (
    select(
        edges.c.task_id,
        tasks.c.stage,
        tasks.c.part,
        tasks.c.output_path,
        tasks.c.output,
        tasks.c.error_message,
    )
    .join(tasks, tasks.c.id == edges.c.after_id)
    .where(any_of(edges.c.task_id, "task_ids"))
    .order_by(tasks.c.stage, tasks.c.index)
)
