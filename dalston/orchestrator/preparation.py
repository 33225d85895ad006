"""What a batch of events needs from Redis and from the store, before its transaction begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from redis.exceptions import RedisError

from dalston.common.errors import ObjectMissingError, StoreUnavailableError, UnavailableError
from dalston.common.messages import (
    UNREADABLE,
    Attempt,
    Event,
    JobResumed,
    TaskCompleted,
    TaskErrored,
)
from dalston.common.models import Failure, Part
from dalston.common.queue import TaskQueue
from dalston.common.storage import AUDIO_NAME, ObjectStore, beside, output_path, transcript_path
from dalston.common.transcript import Chunk, PrepareOutput
from dalston.db import work
from dalston.db.statements import Row
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.parts import Parts
from dalston.orchestrator.scheduler import as_event

log = structlog.get_logger(__name__)
_GONE = Failure(
    "object_missing",
    "What this job would have gone on from isn't in the store any more. Send the recording again.",
)
_UNREADABLE_OUTPUT = Failure(
    "object_unreadable",
    "The store answers, but what this stage had stored is broken, or isn't given back. Look at its "
    "disk and at who may read there; then retry the job.",
    retryable=True,
)
_READ_SECONDS = 10.0
"""How long an output is waited for, which is small."""
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
    instead = await asyncio.gather(
        *(_copy_transcript(parts.store, event, batch) for event in final),
        *(_read_expansion(parts.store, event, batch) for event in expanding),
    )
    changed: dict[Event, Event | None] = dict(zip([*final, *expanding], instead, strict=True))
    batch.copied = {event.job_id for event in final}
    replaced = [changed.get(event, event) for event in batch.events]
    batch.events = [event for event in replaced if event is not None]


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
    await asyncio.gather(*(_read_kept(parts.store, row, batch) for row in kept))


async def _read_kept(store: ObjectStore, row: Row, batch: Batch) -> None:
    about = {"job_id": row.job_id, "task_id": row.id}
    try:
        parts = await _read_twice(store, row.output_path)
    except StoreUnavailableError:
        # The sweep tries again. One object that can't be read holds up no other job.
        return
    except (ObjectMissingError, *UNREADABLE) as error:
        log.warning("output_missing", **about, reason=repr(error))
        batch.gone[row.job_id] = _GONE
        return
    if parts is None:
        batch.gone[row.job_id] = _UNREADABLE_OUTPUT
    else:
        batch.parts[row.id] = parts


async def _read_expansion(
    store: ObjectStore, event: TaskCompleted, batch: Batch
) -> TaskCompleted | TaskErrored | None:
    """Read the chunks that a finished task's output names.

    Returns:
        The event, or what counts in its place: that the output is broken, or nothing if it isn't
        there (the job was deleted, or the message is forged) or the store is away. The outcome
        stands in the lease and in the store, where the sweep finds it.
    """
    about = {"job_id": event.job_id, "task_id": event.task_id}
    path = output_path(event.job_id, event.task_id, event.folder)
    try:
        parts = await _read_twice(store, path)
    except ObjectMissingError:
        log.warning("output_missing", **about)
        return None
    except StoreUnavailableError:
        return None
    except UNREADABLE as error:
        log.warning("output_unreadable", **about, reason=repr(error))
        parts = None
    if parts is None:
        return as_event(TaskErrored, event, error=_UNREADABLE_OUTPUT)
    batch.parts[event.task_id] = parts
    return event


async def _read_twice(store: ObjectStore, path: str) -> list[Part] | None:
    """Return the chunks that an output names; None if the store answers, but not with this one.

    Raises:
        ObjectMissingError: As of `_read_parts`, likewise ValueError.
        StoreUnavailableError: The store is away.
    """
    for _ in range(2):
        try:
            return await _read_parts(store, path)
        except StoreUnavailableError as error:
            log.warning("output_not_read", path=path, reason=repr(error.__cause__))
            # By the time that it is known to answer, it may have come back.
            if not await store.answers():
                raise
    return None


async def _read_parts(store: ObjectStore, path: str) -> list[Part]:
    """Return the chunks that an output names; one without any is a chunk by itself.

    Raises:
        ObjectMissingError: It isn't there.
        StoreUnavailableError: It can't be read now.
        ValueError: One of `UNREADABLE`: it is broken.
    """
    try:
        async with asyncio.timeout(_READ_SECONDS):
            stored = await store.get(path)
    except TimeoutError as error:
        raise StoreUnavailableError("The store takes too long.") from error
    output = msgspec.json.decode(stored, type=PrepareOutput)
    whole = Chunk(AUDIO_NAME, 0.0, output.duration, 0.0, output.duration)
    return [
        msgspec.convert(msgspec.structs.asdict(chunk) | {"path": beside(path, chunk.file)}, Part)
        for chunk in output.chunks or [whole]
    ]


async def _copy_transcript(
    store: ObjectStore, event: TaskCompleted, batch: Batch
) -> TaskCompleted | None:
    """Put the transcript where people look for it; what counts is the row's pointer.

    Returns:
        The event; nothing if there is no output to copy: the job was deleted, or the message is
        forged.
    """
    about = {"job_id": event.job_id, "task_id": event.task_id, "attempt": event.hand_out}
    source = output_path(event.job_id, event.task_id, event.folder)
    for pause in _COPY_PAUSES:
        try:
            await store.copy(source, transcript_path(event.job_id))
        except ObjectMissingError:
            log.warning("output_missing", **about)
            return None
        except StoreUnavailableError as error:
            log.warning("transcript_not_copied", **about, reason=repr(error.__cause__))
            await asyncio.sleep(pause)
        else:
            return event
    # A store in trouble must not hold up the events of other jobs for the sake of a copy.
    batch.uncopied.add(event.job_id)
    return event
