"""The shapes of jobs on the wire, with examples, for the generated documentation alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from dalston.common.models import JobStatus, Retention, TaskStatus

_JOB_EXAMPLE = "job_3f9a1c0b7d2e"
_TRANSCRIPT_EXAMPLE: JsonDict = {
    "id": _JOB_EXAMPLE,
    "status": "completed",
    "created_at": "2026-01-05T09:30:00.120000Z",
    "started_at": "2026-01-05T09:30:00.131000Z",
    "completed_at": "2026-01-05T09:30:00.212000Z",
    "filename": "hello.wav",
    "pipeline": "stub",
    "version": 1,
    "tasks": [
        {
            "id": "task_0a1b2c3d4e5f6071",
            "stage": "transcribe",
            "engine_id": "stub-transcriber",
            "status": "completed",
            "attempt": 1,
            "started_at": "2026-01-05T09:30:00.140000Z",
            "completed_at": "2026-01-05T09:30:00.171000Z",
        }
    ],
    "text": "This is a stub transcript. The system works!",
    "language": "en",
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
        {"start": 2.0, "end": 4.0, "text": "The system works!"},
    ],
    "speakers": [],
    "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
}

_ACCEPTED_EXAMPLE: JsonDict = {
    "id": _JOB_EXAMPLE,
    "status": "pending",
    "created_at": "2026-01-05T09:30:00.120000Z",
}
_SUMMARY_FIELDS = (
    *_ACCEPTED_EXAMPLE,
    "started_at",
    "completed_at",
    "filename",
    "pipeline",
    "version",
    "tasks",
)
_LIST_EXAMPLE: JsonDict = {
    "jobs": [{name: _TRANSCRIPT_EXAMPLE[name] for name in _SUMMARY_FIELDS}],
    "next_cursor": "WyIyMDI2LTAxLTA1VDA5OjMwOjAwLjEyMFoiLCJqb2JfM2Y5YTFjMGI3ZDJlIl0",
}


class CreateJobResponse(BaseModel):
    """A job that has been accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACCEPTED_EXAMPLE]})

    id: str = Field(examples=[_JOB_EXAMPLE])
    status: JobStatus
    created_at: datetime


class ErrorShape(BaseModel):
    """Why something failed."""

    code: str = Field(description="Stable, for programs.", examples=["undecodable_audio"])
    message: str = Field(description="For people: what is wrong and what to do.")


class PartShape(BaseModel):
    """A chunk of a recording, in seconds of its time line."""

    start: float
    end: float
    channel: int | None = Field(default=None, description="Counted from 1, with channels=split.")


class TaskShape(BaseModel):
    """One stage of a job."""

    id: str
    stage: str
    engine_id: str
    status: TaskStatus
    attempt: int = Field(description="Counts from 1; rises when the task is tried again.")
    started_at: datetime | None
    completed_at: datetime | None
    part: PartShape | None = Field(default=None, description="The chunk that it works on.")
    progress: float | None = Field(default=None, description="0 to 1, while it runs.")
    not_before: datetime | None = Field(
        default=None, description="When it may be tried again, while it waits for that."
    )
    error: ErrorShape | None = None


class HistoryShape(BaseModel):
    """One transition of a job or of a task."""

    at: datetime
    task_id: str | None
    from_status: str | None
    to_status: str
    why: str
    attempt: int | None
    instance: str | None


class JobSummary(BaseModel):
    """A job without its transcript."""

    id: str
    status: JobStatus
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    filename: str | None
    pipeline: str
    version: int = Field(description="Counts its results, from 1.")
    tasks: list[TaskShape]
    rerun: dict[str, Any] | None = Field(
        default=None, description="What this version was asked for with."
    )
    deadline_seconds: float | None = None
    retention: Retention | None = None
    retention_days: float | None = None
    audio_deleted_at: datetime | None = None
    error: ErrorShape | None = Field(default=None, description="Why it failed, if it did.")


class ProgressShape(BaseModel):
    """How far a running job is."""

    fraction: float = Field(description="Of all its work, 0 to 1.")
    audio_seconds_done: float = Field(description="Seconds of the recording that are finished.")
    audio_seconds: float | None = Field(description="Its length, once it is known.")
    eta_seconds: float | None = Field(
        description="Seconds that it will take from now on; null until some chunks show a pace."
    )


class WaitingShape(BaseModel):
    """A stage that could begin, had it an engine."""

    stage: str
    engine_id: str
    state: str = Field(description="absent, loading or failed.")
    message: str | None = None


_VERSIONS_EXAMPLE: JsonDict = {
    "versions": [
        {
            "version": 1,
            "status": "completed",
            "started_at": "2026-11-22T17:30:02Z",
            "completed_at": "2026-11-22T17:30:34Z",
        },
        {
            "version": 2,
            "status": "completed",
            "started_at": "2026-11-22T18:02:11Z",
            "completed_at": "2026-11-22T18:02:20Z",
            "from_stage": "diarize",
            "options": {"num_speakers": 3},
        },
    ]
}


class VersionShape(BaseModel):
    """One result of a job, or how it failed."""

    version: int
    status: JobStatus
    started_at: datetime | None
    completed_at: datetime | None
    from_stage: str | None = Field(default=None, description="Where a rerun began.")
    options: dict[str, Any] | None = Field(default=None, description="What it changed.")


class VersionList(BaseModel):
    """The versions of a job, the present one last."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSIONS_EXAMPLE]})

    versions: list[VersionShape]


class WordShape(BaseModel):
    """A word, where the engine times words."""

    model_config = ConfigDict(extra="allow")

    text: str
    start: float
    end: float
    confidence: float | None = Field(default=None, description="0 to 1, where known.")
    speaker: str | None = None


class SegmentShape(BaseModel):
    """About a sentence; of what its engine doesn't know it has nothing."""

    model_config = ConfigDict(extra="allow")

    id: int | None = None
    start: float = Field(description="Seconds of the recording.")
    end: float
    text: str
    speaker: str | None = Field(default=None, description="The id of one of `speakers`.")
    confidence: float | None = Field(
        default=None, description="How probable its words are on average, 0 to 1."
    )
    no_speech_probability: float | None = Field(default=None, description="0 to 1.")
    compression_ratio: float | None = Field(
        default=None, description="High where the text repeats itself."
    )
    words: list[WordShape] | None = None


class SpeakerShape(BaseModel):
    """Somebody who speaks."""

    id: str
    label: str


class JobResponse(JobSummary):
    """A job; while it runs with its progress, once completed with its transcript."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_TRANSCRIPT_EXAMPLE]})

    progress: ProgressShape | None = Field(default=None, description="While it runs.")
    partial_text: str | None = Field(
        default=None, description="While it runs: the text of what is finished."
    )
    waiting_for: list[WaitingShape] | None = Field(
        default=None, description="While it runs: engines that it waits for."
    )
    text: str | None = None
    language: str | None = None
    language_confidence: float | None = Field(default=None, description="0 to 1.")
    duration: float | None = Field(default=None, description="Seconds of audio.")
    segments: list[SegmentShape] | None = None
    speakers: list[SpeakerShape] | None = None
    metadata: dict[str, Any] | None = None
    history: list[HistoryShape] | None = None


class JobList(BaseModel):
    """A page of jobs, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LIST_EXAMPLE]})

    jobs: list[JobSummary]
    next_cursor: str | None = Field(
        description="For the parameter `cursor`; null on the last page."
    )
