"""What can be asked of a job that is there: cancel, retry, rerun, its versions."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.transcription import PATH
from dalston.gateway.api.v1.views import accepted, listed_version
from dalston.gateway.authentication import caller_of
from dalston.gateway.documents import read_document
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.again import Again
from dalston.gateway.services.versions import Versions

_JOB = f"{PATH}/{{job_id}}"


class RerunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where a job is done again, and with what changed."""

    from_stage: str
    options: dict[str, Any] = {}


def _again(request: Request) -> Again:
    again: Again = request.app.state.again
    return again


async def cancel_transcription(request: Request, _parameters: Parameters) -> Response:
    """Stop a job: its engine's process is gone within two seconds. What is done of it is kept."""
    job = await _again(request).cancel(caller_of(request), request.path_params["job_id"])
    return JsonResponse(accepted(job))


async def retry_transcription(request: Request, _parameters: Parameters) -> Response:
    """Have a failed or cancelled job go on from what is done of it."""
    job = await _again(request).retry(caller_of(request), request.path_params["job_id"])
    return JsonResponse(accepted(job), 202, {"Location": f"{PATH}/{job.id}"})


async def rerun_transcription(request: Request, _parameters: Parameters) -> Response:
    """Do a stage and all after it again, as a new version; the present one is kept."""
    timeout = request.app.state.parts.body_timeout_seconds
    asked = await read_document(request, RerunRequest, timeout)
    job = await _again(request).rerun(
        caller_of(request), request.path_params["job_id"], asked.from_stage, asked.options
    )
    return JsonResponse(accepted(job), 202, {"Location": f"{PATH}/{job.id}"})


async def list_versions(request: Request, _parameters: Parameters) -> Response:
    """Return the versions of a job, the present one last."""
    versions: Versions = request.app.state.versions
    found = await versions.summaries(caller_of(request).owner, request.path_params["job_id"])
    return JsonResponse({"versions": [listed_version(version) for version in found]})


OPERATIONS = (
    Operation("POST", f"{_JOB}/cancel", cancel_transcription),
    Operation("POST", f"{_JOB}/retry", retry_transcription),
    Operation("POST", f"{_JOB}/rerun", rerun_transcription),
    Operation("GET", f"{_JOB}/versions", list_versions),
)
