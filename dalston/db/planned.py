"""The first status of a task: what a plan asks for becomes rows. Split from `jobs.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import insert

from dalston.common.models import Job, PlannedTask, TaskStatus
from dalston.db.journal import record, task_entry
from dalston.db.parameters import Values, given
from dalston.db.statements import Connection, Statement
from dalston.db.tables import edges, tasks

_TASK_VALUES = (
    "id job_id stage index engine_id status rank final config audio_from part optional expands"
)
_NEW_TASK = Statement(
    insert(tasks).values(**given(tasks, _TASK_VALUES), hand_out=1, failures=0, losses=0, restarts=0)
)
_NEW_EDGE = Statement(insert(edges).values(**given(edges, "task_id after_id")))


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
    await connection.run_many(_NEW_TASK, [_new_task(job.id, task, rank) for job, task in planned])
    pairs = [{"task_id": task.id, "after_id": after} for _, task in planned for after in task.after]
    await connection.run_many(_NEW_EDGE, pairs)
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
