"""What travels through Redis: small frozen JSON messages with ids and object paths only.

An unknown queue entry is put back by whoever can't read it; an unknown event is dropped,
because an event is a hint and the sweep finds what it would have said.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dalston.common.models import Failure, JobStatus, Part

SCHEMA_VERSION = 1


class PartOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """The output of a stage for one chunk; times are seconds of the recording.

    Attributes:
        path: Object path of the output.
        offset: Where the chunk's audio begins: zero of the times in the output.
        core_start: Where the part begins that no other chunk has.
        core_end: Where that ends.
        channel: Which of the recording's channels it is of, counted from 1; None means all of
            them, mixed.
    """

    path: str
    offset: float
    core_start: float
    core_end: float
    channel: int | None = None


class SmallOutput(msgspec.Struct, frozen=True):
    """The output of a stage that is small enough to travel by itself.

    Attributes:
        data: As JSON.
    """

    data: msgspec.Raw


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
        inputs: Object path of each earlier stage's output, by stage name, or a small output
            itself; a list in order of time where the stage worked on chunks and this task is about
            the whole recording.
        config: The engine's configuration for the task.
        final: Whether the task's output is its job's transcript.
        expands: Whether the output says which tasks follow.
        warnings: What went wrong in optional stages before.
        chunk_of: The chunk that the task works on, by the stage that cut the recording. It may be
            known before that stage has an output.
        small_bytes: Bytes of an output that may be reported as it is, without an object.
        audio_seconds: Length of the audio in seconds, if it is a chunk.
    """

    task_id: str
    hand_out: int
    job_id: str
    engine_id: str
    stage: str
    audio: str
    audio_bytes: int
    inputs: dict[str, str | SmallOutput | list[PartOutput]]
    config: dict[str, Any]
    final: bool = False
    expands: bool = False
    warnings: list[str] = []
    small_bytes: int = 0
    chunk_of: dict[str, Part] = {}
    audio_seconds: float | None = None
    v: int = SCHEMA_VERSION


class JobCreated(msgspec.Struct, frozen=True, tag_field="type", tag="job.created"):
    """A job's row was committed."""

    job_id: str
    v: int = SCHEMA_VERSION


class JobResumed(msgspec.Struct, frozen=True, tag_field="type", tag="job.resumed"):
    """A job that had ended waits to be planned again, for what is left to do of it."""

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


class ChunkReady(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.chunk"):
    """A chunk of the recording is in the store; the task that cuts goes on.

    Attributes:
        index: Its place among the recording's chunks, from 0.
        part: What it is; its `path` is set.
    """

    index: int
    part: Part
    v: int = SCHEMA_VERSION


class TaskCompleted(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.completed"):
    """The output is in the store, or in the attempt's lease.

    Attributes:
        seconds: How long the engine worked on it, from its start to its outcome.
        final: Whether the output is the job's transcript, as the queue's entry said.
        expands: Whether the output says which tasks follow, likewise.
        small: Whether the output is in the lease. It isn't in here, because the stream keeps its
            last hundred thousand events.
    """

    seconds: float = 0.0
    final: bool = False
    expands: bool = False
    small: bool = False
    v: int = SCHEMA_VERSION


class TaskErrored(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.failed"):
    """The engine could not do it."""

    error: Failure
    v: int = SCHEMA_VERSION


class TaskReleased(Attempt, frozen=True, kw_only=True, tag_field="type", tag="task.released"):
    """The engine hands the task back, at no cost."""

    missed: Failure | None = None
    """What it lacked for it; None if it was told to stop."""
    v: int = SCHEMA_VERSION


Event = (
    JobCreated | JobResumed | TaskStarted | ChunkReady | TaskCompleted | TaskErrored | TaskReleased
)


class JobUpdated(msgspec.Struct, frozen=True, tag_field="type", tag="job.updated"):
    """For listeners: a job's status changed, and the change is committed."""

    job_id: str
    status: JobStatus
    v: int = SCHEMA_VERSION


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised for bytes that are no JSON of the expected shape."""
_event_decoder = msgspec.json.Decoder(Event)
_update_decoder = msgspec.json.Decoder(JobUpdated)
_entry_decoder = msgspec.json.Decoder(QueueEntry)


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as JSON."""
    return msgspec.json.encode(message)


def decode_event(data: bytes) -> Event | None:
    """Return the event, or None if this version doesn't know it."""
    try:
        event: Event = _event_decoder.decode(data)
    except UNREADABLE:
        return None
    return event if event.v == SCHEMA_VERSION else None


def decode_update(data: bytes) -> JobUpdated | None:
    """Return what a job's channel says of its status, or None if it says something else."""
    try:
        return _update_decoder.decode(data)
    except UNREADABLE:
        return None


def decode_entry(data: bytes) -> QueueEntry | None:
    """Return the queue entry, or None if this version doesn't know it."""
    try:
        entry = _entry_decoder.decode(data)
    except UNREADABLE:
        return None
    return entry if entry.v == SCHEMA_VERSION else None
