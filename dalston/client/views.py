"""What a server shows, as a client sees it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dalston.common.models import JobStatus, TaskStatus
from dalston.common.transcript import Segment


class Reason(msgspec.Struct, frozen=True):
    """Why a job or a task failed."""

    code: str
    message: str


class TaskView(msgspec.Struct, frozen=True):
    """A task as the server shows it; `progress` is a share between 0 and 1."""

    id: str
    stage: str
    engine_id: str
    status: TaskStatus
    progress: float | None = None


class ProgressView(msgspec.Struct, frozen=True):
    """How far a running job is; `fraction` is between 0 and 1, times are in seconds."""

    fraction: float
    audio_seconds_done: float = 0.0
    audio_seconds: float | None = None
    eta_seconds: float | None = None


class JobView(msgspec.Struct, frozen=True):
    """A job as the server shows it; it is planned at `started_at`, its end is `completed_at`."""

    id: str
    status: JobStatus
    tasks: list[TaskView] = []
    error: Reason | None = None
    pipeline: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime | None = None
    filename: str | None = None
    progress: ProgressView | None = None


class EngineView(msgspec.Struct, frozen=True):
    """An engine as the server shows it.

    Attributes:
        code: Why it has failed, such as `engine_not_installed`; empty if it has not.
        progress: A share between 0 and 1, while it loads.
    """

    state: str
    slots: int = 0
    message: str = ""
    code: str = ""
    progress: float | None = None


class ModelView(msgspec.Struct, frozen=True):
    """A name that `model` may have; `created` is in seconds since 1970, `owned_by` the engine."""

    id: str
    owned_by: str = ""
    created: int = 0


class SegmentEvent(msgspec.Struct, frozen=True):
    """A stretch of speech, as it was heard; `id` is the event's."""

    id: str
    segment: Segment


class ProgressEvent(msgspec.Struct, frozen=True):
    """How far a job is; `id` is the event's."""

    id: str
    progress: ProgressView


class StatusEvent(msgspec.Struct, frozen=True):
    """Where a job is, and why if it failed; `id` is the event's."""

    id: str
    status: JobStatus
    version: int = 1
    error: Reason | None = None


JobEvent = SegmentEvent | ProgressEvent | StatusEvent
