"""What a batch of events needs from Redis and from the store, before its transaction begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from redis.exceptions import RedisError

from dalston.common.errors import ObjectMissingError, StoreUnavailableError, UnavailableError
from dalston.common.messages import Attempt, JobResumed, TaskCompleted
from dalston.common.models import Part
from dalston.common.queue import TaskQueue
from dalston.common.storage import AUDIO_NAME, ObjectStore, beside, output_path, transcript_path
from dalston.common.transcript import Chunk, PrepareOutput
from dalston.db import work
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.parts import Parts

log = structlog.get_logger(__name__)
_COPY_PAUSES = (0.1, 0.5, 1.0)
"""Seconds after each failed copy of a transcript."""


async def prepare(parts: Parts, batch: Batch) -> None:
    """Do what a batch needs outside of its transaction: fetch outputs, copy transcripts.

    Raises:
        UnavailableError: A part does not answer.
    """
    resumed = [event.job_id for event in batch.of(JobResumed)]
    if resumed:
        await _prepare_resumed(parts, batch, resumed)
    completed = batch.of(TaskCompleted)
    small = [event for event in completed if event.small]
    if small:
        batch.small = await _read_leases(parts.queue, small)
        lost = [event for event in small if event not in batch.small]
        batch.events = [event for event in batch.events if event not in lost]
    final = [event for event in completed if event.final and not event.small]
    expanding = [event for event in completed if event.expands and not event.small]
    if not final and not expanding:
        return
    there = await asyncio.gather(
        *(_copy_transcript(parts.store, event) for event in final),
        *(
            _read_parts(
                parts.store,
                event.job_id,
                event.task_id,
                output_path(event.job_id, event.task_id, event.folder),
                batch,
            )
            for event in expanding
        ),
    )
    known = zip([*final, *expanding], there, strict=True)
    missing = [event for event, is_there in known if not is_there]
    batch.copied = {event.job_id for event in final}
    batch.events = [event for event in batch.events if event not in missing]


async def _read_leases(queue: TaskQueue, events: Sequence[TaskCompleted]) -> dict[Attempt, str]:
    """Read small outputs from their attempts' leases.

    One that isn't there has been lost with its lease, which its runner will make again, and say
    so; or somebody else holds the lease now.
    """
    try:
        leases = await queue.leases([event.task_id for event in events])
    except (RedisError, OSError) as error:
        raise UnavailableError("Redis does not answer.") from error
    found: dict[Attempt, str] = {}
    for event in events:
        lease = leases.get(event.task_id)
        output = None
        if lease is not None and lease.token == event.token and lease.outcome is not None:
            output = lease.outcome.output
        if output is None:
            log.info("output_not_in_lease", job_id=event.job_id, task_id=event.task_id)
        else:
            found[event] = output
    return found


async def _prepare_resumed(parts: Parts, batch: Batch, job_ids: Sequence[str]) -> None:
    """Read once more which chunks the recordings of jobs that go on were cut into."""
    async with parts.database.read() as connection:
        kept = await work.expansions(connection, job_ids)
    for row in kept:
        if not await _read_parts(parts.store, row.job_id, row.id, row.output_path, batch):
            batch.gone.add(row.job_id)


async def _read_parts(
    store: ObjectStore, job_id: str, task_id: str, path: str, batch: Batch
) -> bool:
    """Read the chunks that a task's output names; one without any is a chunk by itself."""
    try:
        stored = await store.get(path)
    except ObjectMissingError:
        log.warning("output_missing", job_id=job_id, task_id=task_id)
        return False
    output = msgspec.json.decode(stored, type=PrepareOutput)
    whole = Chunk(AUDIO_NAME, 0.0, output.duration, 0.0, output.duration)
    batch.parts[task_id] = [
        msgspec.convert(msgspec.structs.asdict(chunk) | {"path": beside(path, chunk.file)}, Part)
        for chunk in output.chunks or [whole]
    ]
    return True


async def _copy_transcript(store: ObjectStore, event: TaskCompleted) -> bool:
    """Put the transcript where people look for it; what counts is the row's pointer.

    Returns:
        False if there is no output to copy: the job was deleted, or the message is forged.
    """
    about = {"job_id": event.job_id, "task_id": event.task_id, "attempt": event.hand_out}
    source = output_path(event.job_id, event.task_id, event.folder)
    for pause in _COPY_PAUSES:
        try:
            await store.copy(source, transcript_path(event.job_id))
        except ObjectMissingError:
            log.warning("output_missing", **about)
            return False
        except StoreUnavailableError as error:
            log.warning("transcript_not_copied", **about, reason=repr(error.__cause__))
            await asyncio.sleep(pause)
        else:
            return True
    # A store in trouble must not hold up the events of other jobs for the sake of a copy.
    return True
