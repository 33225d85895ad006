"""`/v1/audio/transcriptions/{job_id}/export/{format}`: a transcript as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.errors import InvalidParameterError
from dalston.common.formats import FORMATS, MEDIA_TYPES, SUBTITLES, to_json, written
from dalston.common.models import Job
from dalston.common.subtitles import Rules
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.downloads import attachment
from dalston.gateway.api.v1.transcription import PATH, VersionNumber
from dalston.gateway.authentication import caller_of
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.options import short
from dalston.gateway.services.outcomes import NotCompletedError
from dalston.gateway.services.versions import Versions

_LINE, _LINES, _SECONDS = Rules().line_length, Rules().lines, (Rules().shortest, Rules().longest)


class ExportParameters(Parameters, frozen=True):
    """How subtitles are to be."""

    line_length: Annotated[
        int, Meta(ge=10, le=500, description="a whole number from 10 to 500: characters of a line")
    ] = _LINE
    lines: Annotated[
        int, Meta(ge=1, le=10, description="a whole number from 1 to 10: lines of a subtitle")
    ] = _LINES
    shortest: Annotated[
        float,
        Meta(ge=0, le=60, description="a number from 0 to 60: seconds that a subtitle stays"),
    ] = _SECONDS[0]
    longest: Annotated[
        float,
        Meta(ge=1, le=600, description="a number from 1 to 600: seconds that it stays at most"),
    ] = _SECONDS[1]
    speakers: Annotated[
        Literal["true", "false"],
        Meta(description="true or false: whether subtitles say who speaks, where that changes"),
    ] = "false"
    version: VersionNumber = 0
    segments: Annotated[
        Literal["whole", "divided"],
        Meta(description="whole or divided: whether each segment is one subtitle, as it is"),
    ] = "divided"


async def export_transcription(request: Request, parameters: ExportParameters) -> Response:
    """Return a completed job's transcript as a file to keep."""
    name = request.path_params["format"]
    if name not in FORMATS:
        raise InvalidParameterError(
            f"There is no format '{short(name)}'. Formats are {', '.join(FORMATS)}.", param="format"
        )
    rules = _rules(parameters) if name in SUBTITLES else None
    answers: LongAnswers = request.app.state.long_answers
    return await answers.answer(
        request, lambda: _exported(request, parameters.version, name, rules)
    )


async def _exported(request: Request, version: int, name: str, rules: Rules | None) -> Response:
    view = await _read(request, version)
    if view.transcript is None:
        raise _without_transcript(view.job)
    # Hours of speech take seconds: others must not wait for that.
    text = await asyncio.to_thread(_written, view.job, view.transcript, name, rules)
    headers = {
        "Content-Disposition": attachment(view.job, name),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type=f"{MEDIA_TYPES[name]}; charset=utf-8", headers=headers)


async def _read(request: Request, version: int) -> JobView:
    owner, job_id = caller_of(request).owner, request.path_params["job_id"]
    if version:
        versions: Versions = request.app.state.versions
        return await versions.read(owner, job_id, version)
    service: JobService = request.app.state.jobs
    return await service.read(owner, job_id)


def _without_transcript(job: Job) -> NotCompletedError:
    earlier = ""
    if job.version > 1:
        earlier = " Its earlier results are kept: GET …/versions lists them, `version` names one."
    return NotCompletedError(
        f"The job {job.id} is {job.status} and has no transcript. Ask for the job: it says how "
        f"far it is, or why it failed.{earlier}",
        job.id,
    )


def _written(job: Job, fields: Mapping[str, Any], name: str, rules: Rules | None) -> str:
    transcript = transcript_of(job.id, fields)
    if name == "json":
        # With every field that it came with.
        return to_json(msgspec.json.decode(msgspec.json.encode(fields)))
    return written(transcript, name, rules)


def _rules(parameters: ExportParameters) -> Rules | None:
    if parameters.segments == "whole":
        return None
    if parameters.shortest > parameters.longest:
        raise InvalidParameterError(
            f"shortest can't be more than longest, which is {parameters.longest:g} s.",
            param="shortest",
        )
    return Rules(
        line_length=parameters.line_length,
        lines=parameters.lines,
        shortest=parameters.shortest,
        longest=parameters.longest,
        speakers=parameters.speakers == "true",
    )


OPERATIONS = (
    Operation(
        "GET", f"{PATH}/{{job_id}}/export/{{format}}", export_transcription, ExportParameters
    ),
)
