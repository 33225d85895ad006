"""Jobs and tasks: what they are, which states they have, and how their ids look."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class JobStatus(StrEnum):
    """Where a job is."""

    PENDING = "pending"
    """Accepted and stored; its tasks have not been planned yet."""
    RUNNING = "running"
    """Its tasks are planned; at least one has not ended."""
    COMPLETED = "completed"
    """Its transcript is there."""
    FAILED = "failed"
    """A task failed for good; the job's error says why."""
    CANCELLED = "cancelled"
    """Somebody asked for it to stop."""


class TaskStatus(StrEnum):
    """Where a task is."""

    PENDING = "pending"
    """Waits for the tasks that it depends on."""
    READY = "ready"
    """May be handed to an engine."""
    RUNNING = "running"
    """An engine works on it; the row names the attempt."""
    COMPLETED = "completed"
    """Its output is the one that the row points at."""
    FAILED = "failed"
    """It failed for good; the row says why."""
    SKIPPED = "skipped"
    """It was not needed."""
    CANCELLED = "cancelled"
    """Its job ended before it did."""


class Cause(StrEnum):
    """Why a running task became ready again. Each has a counter and a limit of its own."""

    RETRY = "retry"
    """The engine reported a failure that a retry may cure."""
    LOST = "lost"
    """The lease ended: the engine died, froze or lost its network."""
    RELEASED = "released"
    """The engine handed it back: it was told to stop, or the store was away. Costs nothing."""
    RESTART = "restart"
    """A restarted server took back what it had been doing."""


class Retention(StrEnum):
    """What is deleted of a job some days after it has ended."""

    KEEP = "keep"
    """Nothing."""
    DELETE_AUDIO = "delete_audio"
    """The recording and what was made of it; the transcript and its like stay."""
    DELETE_ALL = "delete_all"
    """The job with all there is of it."""


JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.COMPLETED: frozenset({JobStatus.PENDING}),
    JobStatus.FAILED: frozenset({JobStatus.PENDING}),
    JobStatus.CANCELLED: frozenset({JobStatus.PENDING}),
}
"""Which status may follow which. `docs/states.md` draws it."""

TASK_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.READY, TaskStatus.SKIPPED, TaskStatus.CANCELLED}),
    TaskStatus.READY: frozenset(
        {
            TaskStatus.READY,
            TaskStatus.RUNNING,
            TaskStatus.COMPLETED,
            TaskStatus.FAILED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.RUNNING: frozenset(
        {TaskStatus.READY, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    ),
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.SKIPPED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}
"""Which status may follow which. What an engine says implies the start whose message was lost:
ready follows ready when it failed or was handed back, as the next hand-out."""

ATTEMPT_LIMITS: dict[Cause, int] = {Cause.RETRY: 3, Cause.LOST: 3, Cause.RESTART: 10}
"""How often a task may come back for a cause; at the limit it fails for good."""

CODE_LIMITS: dict[str, int] = {"invalid_engine_output": 2}
"""Failures by code that are given fewer tries than `ATTEMPT_LIMITS` allows."""

_CODE_CHARACTERS = 64
_MESSAGE_CHARACTERS = 4000
UNKNOWN_BYTES = 57_600_000
"""What a recording counts for as long as nobody knows its size: an hour, at 128 kbit/s."""
JOB_ID = re.compile(r"job_[0-9a-f]{12}")
TERMINAL_JOB = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
"""A job stays there unless somebody asks for more: a retry or a rerun."""

LIVE_JOB = frozenset({JobStatus.PENDING, JobStatus.RUNNING})
"""All others."""


def new_job_id() -> str:
    """Mint `job_` and 12 random hexadecimal digits."""
    return f"job_{secrets.token_hex(6)}"


def new_task_id() -> str:
    """Mint `task_` and 16 random hexadecimal digits."""
    return f"task_{secrets.token_hex(8)}"


def new_attempt_token() -> str:
    """Mint the token by which one claim of a task is told from every other."""
    return secrets.token_hex(6)


class Failure(msgspec.Struct, frozen=True):
    """Why something failed.

    Attributes:
        code: Stable, for programs; listed in `docs/api.md`.
        message: For people.
        retryable: Whether the same work may succeed when it is tried again.
    """

    code: str
    message: str
    retryable: bool = False


def clean_failure(code: object, message: object, retryable: object) -> Failure:
    """Return a failure that every part can carry, whatever an engine made of its fields."""
    return Failure(
        code=clean_text(str(code), _CODE_CHARACTERS) or "engine_error",
        message=clean_text(str(message), _MESSAGE_CHARACTERS),
        retryable=retryable is True,
    )


def clean_text(text: str, characters: int = 4000) -> str:
    """Return text that JSON and every database can hold, of a bounded length."""
    readable = text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
    return readable[:characters]


class Job(msgspec.Struct, frozen=True):
    """One recording on its way to a transcript. Times are in UTC.

    Attributes:
        id: `job_` and 12 hexadecimal digits.
        status: Where it is.
        pipeline: Name of the pipeline that it goes through.
        owner: Whose it is, for fair sharing.
        parameters: What the client asked for, such as `language`.
        filename: The client's name of the file: data, never a path.
        audio_path: The recording's object; or the order to fetch it, which a task carries out.
        audio_bytes: Its size in bytes; `UNKNOWN_BYTES` if it is to be fetched.
        transcript_path: The final task's output, once completed.
        error: Why it failed, if it did.
        version: Counts its results, from 1; a rerun makes the next one.
        resumed: How often a retry or a rerun has put it back to be planned.
        rerun: What the current version was asked for with: `from_stage` and `options`.
        deadline_seconds: How long it may take from its submission, or from when it was resumed.
        retention: What is deleted of it once it has ended; None means the server's default.
        retention_days: How long after its end that is, likewise.
        audio_deleted_at: When its audio was deleted.
        callback_url: Who is told of its end, beside its owner's registered endpoints.
    """

    id: str
    status: JobStatus
    pipeline: str
    owner: str
    parameters: dict[str, Any]
    filename: str | None
    audio_path: str
    audio_bytes: int
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    transcript_path: str | None = None
    error: Failure | None = None
    version: int = 1
    resumed: int = 0
    rerun: dict[str, Any] | None = None
    deadline_seconds: float | None = None
    retention: Retention | None = None
    retention_days: float | None = None
    audio_deleted_at: datetime | None = None
    callback_url: str | None = None


class Task(msgspec.Struct, frozen=True):
    """One stage of one job, done by one engine.

    Attributes:
        hand_out: Counts how often it has been made ready; starts at 1. Shown as `attempt`.
        token: The attempt that counts, once one has started.
        instance: The engine instance of that attempt.
        config: The engine's configuration for it.
        output_path: The object of the output that counts, once completed.
        part: The chunk that it works on; None means the whole recording.
        optional: Whether the job goes on without it should it fail.
        expands: Whether it says which chunks there are, and so which tasks follow.
        not_before: When it may be handed out again, once it has come back.
    """

    id: str
    job_id: str
    stage: str
    index: int
    engine_id: str
    status: TaskStatus
    hand_out: int
    config: dict[str, Any]
    token: str | None = None
    instance: str | None = None
    output_path: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    part: Part | None = None
    optional: bool = False
    expands: bool = False
    error: Failure | None = None
    not_before: datetime | None = None


class Part(msgspec.Struct, frozen=True):
    """A chunk of a recording; times are seconds of the recording.

    Attributes:
        file: Name of its audio, beside the output of the task that made it.
        start: Where that audio begins.
        end: Where it ends.
        core_start: Where the part begins that no other chunk has.
        core_end: Where that ends.
        channel: Which of the recording's channels it is of, counted from 1; None means all of
            them, mixed.
        path: Object path of its audio. Without it, the audio lies beside the output of the task
            that made it.
    """

    file: str
    start: float
    end: float
    core_start: float
    core_end: float
    channel: int | None = None
    path: str | None = None

    @property
    def place(self) -> tuple[float, float, float, float, int | None]:
        """Where it is in the recording: what two attempts at cutting must agree on."""
        return (self.start, self.end, self.core_start, self.core_end, self.channel)

    def facts(self) -> dict[str, Any]:
        """Return what an engine that works on it is told."""
        facts = {
            "duration": round(self.end - self.start, 6),
            "file": self.file,
            "start": self.start,
            "end": self.end,
            "core_start": self.core_start,
            "core_end": self.core_end,
        }
        return facts if self.channel is None else facts | {"channel": self.channel}


class PlannedTask(msgspec.Struct, frozen=True):
    """A task that the plan of a job asks for.

    Attributes:
        audio_from: The task whose audio it works on; None means the upload itself.
        after: Ids of the tasks whose outputs it needs.
        final: Whether its output is the job's transcript.
        part: The chunk that it works on; None means the whole recording.
        cut_by: The stage that cut the recording, for a task on a chunk.
        optional: Whether the job goes on without it should it fail.
        expands: Whether its output says which chunks there are, and so which tasks follow.
    """

    id: str
    stage: str
    index: int
    engine_id: str
    config: dict[str, Any]
    after: tuple[str, ...] = ()
    audio_from: str | None = None
    final: bool = False
    part: Part | None = None
    cut_by: str | None = None
    optional: bool = False
    expands: bool = False
