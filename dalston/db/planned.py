"""The first status of a task: what a plan asks for becomes rows. Split from `jobs.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from dalston.common.models import Job, PlannedTask, TaskStatus
from dalston.db.compiled import planned as sql
from dalston.db.journal import record, task_entry
from dalston.db.parameters import Values
from dalston.db.statements import Connection


async def add_tasks(
    connection: Connection,
    planned: Sequence[tuple[Job, PlannedTask]],
    rank: Mapping[str, float],
) -> None:
    """→ ready, for tasks that wait for nothing; → pending, for the others.

    Args:
        connection: An open write transaction that holds the tasks' jobs.
        planned: The tasks and their jobs.
        rank: Of those that wait for nothing, by id.
    """
    await connection.run_many(
        sql.NEW_TASK, [_new_task(job.id, task, rank) for job, task in planned]
    )
    pairs = [{"task_id": task.id, "after_id": after} for _, task in planned for after in task.after]
    await connection.run_many(sql.NEW_EDGE, pairs)
    story = [
        task_entry(job.id, task.id, None, _first_status(task), f"stage {task.stage}")
        for job, task in planned
    ]
    record(connection, story)


def _first_status(task: PlannedTask) -> TaskStatus:
    return TaskStatus.PENDING if task.after else TaskStatus.READY


def _new_task(job_id: str, task: PlannedTask, rank: Mapping[str, float]) -> Values:
    return {
        "id": task.id,
        "job_id": job_id,
        "stage": task.stage,
        "index": task.index,
        "engine_id": task.engine_id,
        "status": _first_status(task).value,
        "rank": rank.get(task.id, 0.0),
        "final": int(task.final),
        "config": task.config,
        "audio_from": task.audio_from,
        "part": None if task.part is None else msgspec.structs.asdict(task.part),
        "optional": int(task.optional),
        "expands": int(task.expands),
    }
