"""From rows of ready tasks to what an engine's queue is given."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dalston.common.messages import PartOutput, QueueEntry, SmallOutput
from dalston.common.models import Job, Part, PlannedTask
from dalston.common.pipeline_checks import FETCH
from dalston.common.storage import AUDIO_NAME, RECORDING_NAME, beside
from dalston.db.compiled import entries as sql
from dalston.db.statements import Connection, Row

_Inputs = dict[str, str | SmallOutput | list[PartOutput]]
_LOOKED_AT = 1000
"""Ready tasks of a shared engine that are looked at. Those of an owner who has its share stand in
front of others' once these have had as many, and no further: its jobs are counted up to here."""
SMALL_OUTPUT_BYTES = 16 * 1024
"""An output up to this size may be kept in its task's row, if its engine made it quickly."""


async def ready_entries(connection: Connection, engine_id: str, limit: int) -> list[QueueEntry]:
    """Return an engine's ready tasks in the order in which they should be handed out.

    One that came back after a failure isn't there before its pause is over.
    """
    return await with_inputs(
        connection, await connection.fetch(sql.READY, engine_id=engine_id, limit=limit)
    )


async def shared_entries(
    connection: Connection, engine_id: str, limit: int, share: int
) -> list[QueueEntry]:
    """Return what `ready_entries` does, but of each owner no more than its share.

    Args:
        connection: Of the database.
        engine_id: The engine.
        limit: How many at most.
        share: How many one owner may have, those that an engine works on included.
    """
    rows = await connection.fetch(
        sql.SHARED, engine_id=engine_id, limit=limit, share=share, looked_at=_LOOKED_AT
    )
    return await with_inputs(connection, rows)


async def dependents_of(connection: Connection, task_ids: Sequence[str]) -> list[Row]:
    """Return the pending tasks behind some tasks that wait for nothing any more."""
    return await connection.fetch(sql.DEPENDENTS, task_ids=task_ids)


async def startable_tasks(connection: Connection, job_ids: Sequence[str]) -> list[Row]:
    """Return the pending tasks of some jobs that wait for nothing any more."""
    return await connection.fetch(sql.STARTABLE, job_ids=job_ids)


async def with_inputs(connection: Connection, rows: Sequence[Row]) -> list[QueueEntry]:
    """Return what the queues need of the rows of `dependents_of` and `startable_tasks`."""
    if not rows:
        return []
    before: dict[str, list[Row]] = {}
    for output in await connection.fetch(sql.OUTPUTS_BEFORE, task_ids=[row.id for row in rows]):
        before.setdefault(output.task_id, []).append(output)
    return [_entry(row, before.get(row.id, ())) for row in rows]


def _entry(row: Row, before: Sequence[Row]) -> QueueEntry:
    return QueueEntry(
        task_id=row.id,
        hand_out=row.hand_out,
        job_id=row.job_id,
        engine_id=row.engine_id,
        stage=row.stage,
        audio=_audio(row),
        audio_bytes=row.audio_bytes,
        inputs=_inputs(row, before),
        config=row.config,
        final=bool(row.final),
        expands=bool(row.expands),
        warnings=[_warning(output) for output in before if not _has_output(output)],
        small_bytes=_small_bytes(row.part is not None, bool(row.expands)),
        chunk_of=_chunk_of(row),
        audio_seconds=None if row.part is None else row.part["end"] - row.part["start"],
    )


def _has_output(row: Row) -> bool:
    return row.output_path is not None or row.output is not None


def _small_bytes(of_chunk: bool, expands: bool) -> int:  # noqa: FBT001 - as in the rows
    """Return how large an output may be that has no object.

    The outputs of all chunks together would be too large for a queue, and an output that others
    are planned by is read before it is in its row.
    """
    return 0 if of_chunk or expands else SMALL_OUTPUT_BYTES


def _audio(row: Row) -> str:
    if row.audio_from is None:
        return str(row.audio_path)
    if row.part is None:
        name = RECORDING_NAME if row.source_stage == FETCH else AUDIO_NAME
        return beside(row.source_output, name)
    return str(row.part.get("path") or beside(row.source_output, row.part["file"]))


def _chunk_of(row: Row) -> dict[str, Part]:
    if row.part is None or row.source_stage is None:
        return {}
    return {row.source_stage: msgspec.convert(row.part, Part)}


def _inputs(row: Row, before: Sequence[Row]) -> _Inputs:
    """Return an output for each stage; a list of them for chunks seen from the whole."""
    inputs: _Inputs = {}
    chunk_of = _chunk_of(row)
    for output in before:
        if output.stage in chunk_of:
            continue
        if output.output is not None:
            inputs[output.stage] = SmallOutput(msgspec.Raw(output.output))
            continue
        if output.output_path is None:
            continue
        if output.part is None or row.part is not None:
            inputs[output.stage] = output.output_path
            continue
        of_stage = inputs.setdefault(output.stage, [])
        if isinstance(of_stage, list):
            part = msgspec.convert(output.part, Part)
            times = (part.start, part.core_start, part.core_end)
            of_stage.append(PartOutput(output.output_path, *times, part.channel))
    return inputs


def _warning(output: Row) -> str:
    where = "" if output.part is None else f" at {output.part['start']:.0f} s"
    if output.part is not None and output.part.get("channel") is not None:
        where += f" of channel {output.part['channel']}"
    return f"The stage {output.stage} failed{where} and was left out: {output.error_message}"


def root_entry(job: Job, task: PlannedTask) -> QueueEntry:
    """Return what the queues need of a new task that waits for nothing.

    It is what `ready_entries` returns of its row, to the byte.
    """
    part = task.part
    return QueueEntry(
        task_id=task.id,
        hand_out=1,
        job_id=job.id,
        engine_id=task.engine_id,
        stage=task.stage,
        audio=job.audio_path if part is None or part.path is None else part.path,
        audio_bytes=job.audio_bytes,
        inputs={},
        config=task.config,
        final=task.final,
        expands=task.expands,
        small_bytes=_small_bytes(task.part is not None, task.expands),
        chunk_of={} if part is None or task.cut_by is None else {task.cut_by: part},
        audio_seconds=None if part is None else part.end - part.start,
    )
