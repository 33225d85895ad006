"""What is shown of a job; `schemas.py` describes it."""

from __future__ import annotations

from typing import Any

from dalston.common.models import Failure, Job, Task, TaskStatus
from dalston.db.reading import HistoryRow
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.progress import progress_fields
from dalston.gateway.services.versions import VersionSummary
from dalston.gateway.services.waiting import WaitingFor


def accepted(job: Job) -> dict[str, Any]:
    """Return the answer to a submission."""
    return {"id": job.id, "status": job.status, "created_at": job.created_at}


def shown(view: JobView) -> dict[str, Any]:
    """Return a job as it is shown; what isn't known is left out."""
    job = view.job
    body: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "filename": job.filename,
        "pipeline": job.pipeline,
        "version": job.version,
        "tasks": [_task(task, view.progress.get(task.id)) for task in view.tasks],
    }
    if job.error is not None:
        body["error"] = _error(job.error)
    asked = {
        "rerun": job.rerun,
        "deadline_seconds": job.deadline_seconds,
        "retention": job.retention,
        "retention_days": job.retention_days,
        "audio_deleted_at": job.audio_deleted_at,
    }
    body |= {name: value for name, value in asked.items() if value is not None}
    if view.waiting_for:
        body["waiting_for"] = [_waiting_for(one) for one in view.waiting_for]
    if view.whole is not None:
        body["progress"] = progress_fields(view.whole)
        body["partial_text"] = view.partial_text or ""
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
        "status": task.status,
        "attempt": task.hand_out,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
    }
    if task.part is not None:
        body["part"] = {"start": task.part.core_start, "end": task.part.core_end}
        if task.part.channel is not None:
            body["part"]["channel"] = task.part.channel
    if task.not_before is not None and task.status is TaskStatus.READY:
        body["not_before"] = task.not_before
    if progress is not None:
        body["progress"] = round(progress, 4)
    if task.error is not None:
        body["error"] = _error(task.error)
    return body


def _waiting_for(one: WaitingFor) -> dict[str, str]:
    body = {"stage": one.stage, "engine_id": one.engine_id, "state": one.state}
    return body | ({"message": one.message} if one.message else {})


def listed_version(version: VersionSummary) -> dict[str, Any]:
    """Return a version as it is listed."""
    body = {
        "version": version.version,
        "status": version.status,
        "started_at": version.started_at,
        "completed_at": version.completed_at,
    }
    return body | (version.rerun or {})


def _history(row: HistoryRow) -> dict[str, Any]:
    return {
        "at": row.at,
        "task_id": row.task_id,
        "from_status": row.from_status,
        "to_status": row.to_status,
        "why": row.why,
        "attempt": row.attempt,
        "instance": row.instance,
    }


def _error(failure: Failure) -> dict[str, str]:
    return {"code": failure.code, "message": failure.message}
