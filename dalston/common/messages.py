"""What travels through Redis: small frozen JSON messages with ids and object paths only.

An unknown queue entry is put back by whoever can't read it; an unknown event is dropped,
because an event is a hint and the sweep finds what it would have said.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dalston.common.models import Failure, JobStatus

SCHEMA_VERSION = 1


class QueueEntry(msgspec.Struct, frozen=True):
    """A task that waits in an engine's queue, with all that the engine must know.

    Encoded in field order, so the same hand-out always gives the same bytes.

    Attributes:
        task_id: The task.
        hand_out: Which hand-out of it this is.
        job_id: Its job.
        engine_id: The engine whose queue it waits in.
        stage: The stage's name.
        audio: Object path of the audio to work on.
        audio_bytes: Size of the original recording in bytes.
        inputs: Object path of each earlier stage's output, by stage name.
        config: The engine's configuration for the task.
    """

    task_id: str
    hand_out: int
    job_id: str
    engine_id: str
    stage: str
    audio: str
    audio_bytes: int
    inputs: dict[str, str]
    config: dict[str, Any]
    v: int = SCHEMA_VERSION


class JobCreated(msgspec.Struct, frozen=True, tag_field="type", tag="job.created"):
    """A job's row was committed."""

    job_id: str
    v: int = SCHEMA_VERSION


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Names one attempt at one task: all later messages about it carry the same values.

    Attributes:
        token: Minted by the runner at its claim.
        instance: The engine instance that claimed it.
    """

    job_id: str
    task_id: str
    hand_out: int
    token: str
    instance: str

    @property
    def folder(self) -> str:
        """Name of the attempt's folder in the store."""
        return f"{self.hand_out}-{self.token}"


class TaskStarted(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.started"):
    """An engine began to work."""

    v: int = SCHEMA_VERSION


class TaskCompleted(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.completed"):
    """The output is in the store."""

    v: int = SCHEMA_VERSION


class TaskErrored(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.failed"):
    """The engine could not do it."""

    error: Failure
    v: int = SCHEMA_VERSION


class TaskReleased(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.released"):
    """The engine was told to stop and hands the task back."""

    v: int = SCHEMA_VERSION


Event = JobCreated | TaskStarted | TaskCompleted | TaskErrored | TaskReleased


class JobUpdated(msgspec.Struct, frozen=True, tag_field="type", tag="job.updated"):
    """For listeners: a job's status changed, and the change is committed."""

    job_id: str
    status: JobStatus
    v: int = SCHEMA_VERSION


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_event_decoder = msgspec.json.Decoder(Event)
_entry_decoder = msgspec.json.Decoder(QueueEntry)


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as JSON."""
    return msgspec.json.encode(message)


def decode_event(data: bytes) -> Event | None:
    """Return the event, or None if this version doesn't know it."""
    try:
        event: Event = _event_decoder.decode(data)
    except _UNREADABLE:
        return None
    return event if event.v == SCHEMA_VERSION else None


def decode_entry(data: bytes) -> QueueEntry | None:
    """Return the queue entry, or None if this version doesn't know it."""
    try:
        entry = _entry_decoder.decode(data)
    except _UNREADABLE:
        return None
    return entry if entry.v == SCHEMA_VERSION else None
