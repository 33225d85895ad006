"""The shapes on the wire, with examples for the generated documentation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from dalston.common.models import Failure, Job, JobStatus, Task, TaskStatus
from dalston.db.reading import HistoryRow
from dalston.gateway.services.jobs import JobView

_JOB_EXAMPLE = "job_3f9a1c0b7d2e"
_TRANSCRIPT_EXAMPLE: JsonDict = {
    "id": _JOB_EXAMPLE,
    "status": "completed",
    "created_at": "2026-01-05T09:30:00.120000Z",
    "started_at": "2026-01-05T09:30:00.131000Z",
    "completed_at": "2026-01-05T09:30:00.212000Z",
    "filename": "hello.wav",
    "pipeline": "stub",
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


class TaskShape(BaseModel):
    """One stage of a job."""

    id: str
    stage: str
    engine_id: str
    status: TaskStatus
    attempt: int = Field(description="Counts from 1; rises when the task is tried again.")
    started_at: datetime | None
    completed_at: datetime | None
    progress: float | None = Field(default=None, description="0 to 1, while it runs.")
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
    tasks: list[TaskShape]
    error: ErrorShape | None = Field(default=None, description="Why it failed, if it did.")


class JobResponse(JobSummary):
    """A job; once completed, with the fields of its transcript."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_TRANSCRIPT_EXAMPLE]})

    text: str | None = None
    language: str | None = None
    duration: float | None = Field(default=None, description="Seconds of audio.")
    segments: list[dict[str, Any]] | None = None
    speakers: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    history: list[HistoryShape] | None = None


class JobList(BaseModel):
    """A page of jobs, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LIST_EXAMPLE]})

    jobs: list[JobSummary]
    next_cursor: str | None = Field(
        description="For the parameter `cursor`; null on the last page."
    )


def accepted(job: Job) -> dict[str, Any]:
    """Return the answer to a submission."""
    return {"id": job.id, "status": job.status.value, "created_at": _moment(job.created_at)}


def shown(view: JobView) -> dict[str, Any]:
    """Return a job as it is shown; what isn't known is left out."""
    job = view.job
    body: dict[str, Any] = {
        "id": job.id,
        "status": job.status.value,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "completed_at": _moment(job.completed_at),
        "filename": job.filename,
        "pipeline": job.pipeline,
        "tasks": [_task(task, view.progress.get(task.id)) for task in view.tasks],
    }
    if job.error is not None:
        body["error"] = _error(job.error)
    if view.transcript is not None:
        # The job's own fields win: an engine's output can't pass for a status.
        body |= {name: value for name, value in view.transcript.items() if name not in body}
    if view.history is not None:
        body["history"] = [_history(row) for row in view.history]
    return body


def _task(task: Task, progress: float | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": task.id,
        "stage": task.stage,
        "engine_id": task.engine_id,
        "status": task.status.value,
        "attempt": task.hand_out,
        "started_at": _moment(task.started_at),
        "completed_at": _moment(task.completed_at),
    }
    if progress is not None:
        body["progress"] = round(progress, 4)
    if task.error is not None:
        body["error"] = _error(task.error)
    return body


def _history(row: HistoryRow) -> dict[str, Any]:
    return {
        "at": _moment(row.at),
        "task_id": row.task_id,
        "from_status": row.from_status,
        "to_status": row.to_status,
        "why": row.why,
        "attempt": row.attempt,
        "instance": row.instance,
    }


def _error(failure: Failure) -> dict[str, str]:
    return {"code": failure.code, "message": failure.message}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")
