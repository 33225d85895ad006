"""`/v1/audio/transcriptions`: handlers parse, call, return."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from dalston.common.models import JobStatus
from dalston.gateway.api.envelope import Responses, errors
from dalston.gateway.api.v1.cursors import decode_cursor, encode_cursor
from dalston.gateway.api.v1.schemas import (
    CreateJobResponse,
    JobList,
    JobResponse,
    accepted,
    shown,
)
from dalston.gateway.parts import Parts
from dalston.gateway.services.jobs import JobService
from dalston.gateway.uploads import FormReader, too_large

PAGE = 20
LONGEST_PAGE = 100

router = APIRouter(prefix="/v1/audio/transcriptions", tags=["transcriptions"])

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The recording, in any common container and codec.",
                        },
                        "pipeline": {
                            "type": "string",
                            "description": "Name of a pipeline; the server's default if left out.",
                            "examples": ["default"],
                        },
                        "language": {
                            "type": "string",
                            "description": "ISO 639 code or English name; detected if left out.",
                            "examples": ["en"],
                        },
                    },
                }
            }
        },
    }
}
_REFUSALS = errors(
    {
        400: "The form or a parameter is wrong",
        408: "The body stopped arriving",
        413: "The upload is too large",
        415: "Not multipart/form-data",
        503: "A part does not answer now; see Retry-After",
    }
)
_ACCEPTED: Responses = {
    202: {
        "description": "Accepted; the work goes on without you",
        "headers": {
            "Location": {
                "description": "Where to ask for the job.",
                "schema": {"type": "string"},
                "example": "/v1/audio/transcriptions/job_3f9a1c0b7d2e",
            }
        },
    }
}
_WRONG_PARAMETER = errors({400: "A parameter is wrong"})
_NOT_FOUND = errors({404: "No such job"})


def _service(request: Request) -> JobService:
    service: JobService = request.app.state.jobs
    return service


@router.post(
    "",
    status_code=202,
    response_model=CreateJobResponse,
    openapi_extra=_FORM,
    responses=_ACCEPTED | _REFUSALS,
    summary="Submit a recording",
)
async def create_transcription(request: Request) -> Response:
    """Store a recording and accept a job for it. Poll the `Location` for its transcript."""
    parts: Parts = request.app.state.parts
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > parts.max_upload_bytes:
        raise too_large(parts.max_upload_bytes)
    form = FormReader(
        request.headers.get("content-type"),
        request.receive,
        parts.max_upload_bytes,
        parts.body_timeout_seconds,
    )
    job = await _service(request).submit(form)
    location = f"/v1/audio/transcriptions/{job.id}"
    return JSONResponse(accepted(job), status_code=202, headers={"Location": location})


@router.get(
    "",
    response_model=JobList,
    responses=_WRONG_PARAMETER,
    summary="List jobs, newest first",
)
async def list_transcriptions(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    status: JobStatus | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Return a page of jobs; give `next_cursor` back as `cursor` for the next one."""
    after = None if cursor is None else decode_cursor(cursor)
    found = await _service(request).list(limit + 1, status, after)
    page = found[:limit]
    more = encode_cursor(page[-1].job) if len(found) > limit else None
    return JSONResponse({"jobs": [shown(view) for view in page], "next_cursor": more})


@router.get(
    "/{job_id}",
    response_model=JobResponse,
    response_model_exclude_unset=True,
    responses=_WRONG_PARAMETER | _NOT_FOUND,
    summary="Read a job and its transcript",
)
async def read_transcription(
    request: Request, job_id: str, include: Literal["history"] | None = None
) -> Response:
    """Return a job: where it is, and once completed its transcript."""
    view = await _service(request).read(job_id, with_history=include == "history")
    return JSONResponse(shown(view))


@router.delete(
    "/{job_id}", status_code=204, responses=_NOT_FOUND, summary="Cancel and delete a job"
)
async def delete_transcription(request: Request, job_id: str) -> Response:
    """Cancel a job if it still runs, and remove its recording, outputs and transcript."""
    await _service(request).delete(job_id)
    return Response(status_code=204)
