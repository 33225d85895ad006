"""`/v1/audio/transcriptions`: handlers parse, call, return."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dalston.common.models import JobStatus
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.cursors import decode_cursor, encode_cursor
from dalston.gateway.api.v1.views import accepted as shown_acceptance
from dalston.gateway.api.v1.views import shown
from dalston.gateway.authentication import asking, caller_of, require_key, tell_quotas
from dalston.gateway.openai.answers import answer
from dalston.gateway.parts import Parts
from dalston.gateway.receiving import upload_limit
from dalston.gateway.responses import JsonResponse, head_of_stream
from dalston.gateway.services.idempotency import read_name
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.leaving import CANCEL_ON_DISCONNECT, Leaving
from dalston.gateway.services.quotas import quotas_of
from dalston.gateway.services.submitted import Manner
from dalston.gateway.services.versions import Versions
from dalston.gateway.uploads import FormReader

PATH = "/v1/audio/transcriptions"
PAGE = 20
LONGEST_PAGE = 100
_OPENAI_CLIENT = "x-stainless-"
"""Begins the headers with which OpenAI's clients tell of themselves."""
_ASYNC = "respond-async"

_Cursor = Annotated[str, Meta(max_length=200)]


class ListParameters(Parameters, frozen=True):
    """Which jobs are listed."""

    limit: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_PAGE,
            description=f"a whole number from 1 to {LONGEST_PAGE}: how many jobs at most",
        ),
    ] = PAGE
    status: Annotated[
        JobStatus | UnsetType, Meta(description=f"one of {', '.join(JobStatus)}: only such jobs")
    ] = UNSET
    cursor: Annotated[
        _Cursor | UnsetType, Meta(description="the next_cursor of the page before")
    ] = UNSET


VersionNumber = Annotated[
    int,
    Meta(
        ge=0,
        le=1_000_000,
        description="a whole number: an earlier result of the job; 0 for the newest",
    ),
]
"""Of a job's results."""


class ReadParameters(Parameters, frozen=True):
    """What is shown of a job."""

    include: Annotated[
        Literal["history"] | UnsetType,
        Meta(description="history: each transition of the job and its tasks"),
    ] = UNSET
    version: VersionNumber = 0


def _service(request: Request) -> JobService:
    service: JobService = request.app.state.jobs
    return service


async def create_transcription(request: Request, _parameters: Parameters) -> Response:
    """Store a recording and accept a job for it. Poll the `Location` for its transcript.

    With `model`, `response_format` or `stream`, and for OpenAI's clients, the answer is the
    transcript itself, unless the header `Prefer: respond-async` asks for a job.
    """
    return await submitted(request)


async def submitted(request: Request, *, translate: bool = False) -> Response:
    """Take a submission, and answer it in the manner that it asks for."""
    parts: Parts = request.app.state.parts
    headers = request.headers
    caller = caller_of(request)
    most = upload_limit(request)
    name = read_name(headers)
    form = FormReader(
        headers.get("content-type"), request.receive, most, parts.body_timeout_seconds
    )
    service = _service(request)
    preferences = _preferences(headers)
    manner = Manner(openai=_is_openai(headers), job=_ASYNC in preferences, translate=translate)
    accepted, wish = await service.submit(asking(request), form, service.fields(manner), name)
    if accepted.used is not None:
        tell_quotas(request, quotas_of(caller.limits, accepted.used))
    more = {"Idempotent-Replayed": "true"} if accepted.replayed else {}
    leaving: Leaving = request.app.state.leaving
    if accepted.replayed:
        await leaving.back(accepted.job.id)
    if wish is not None:
        stop = CANCEL_ON_DISCONNECT in preferences
        if stop:
            more["Preference-Applied"] = CANCEL_ON_DISCONNECT
        response = await answer(request, service, accepted.job, wish, leaving if stop else None)
        response.headers.update(more)
        return response
    more["Location"] = f"{PATH}/{accepted.job.id}"
    if manner.job:
        more["Preference-Applied"] = _ASYNC
    return JsonResponse(shown_acceptance(accepted.job), 202, more)


def _is_openai(headers: Headers) -> bool:
    """Tell whether one of OpenAI's clients has sent a request."""
    return any(name.startswith(_OPENAI_CLIENT) for name in headers)


def _preferences(headers: Headers) -> set[str]:
    """Return what a client would rather have (RFC 7240), such as not to wait."""
    wishes = ",".join(headers.getlist("prefer")).lower().split(",")
    return {wish.partition(";")[0].strip() for wish in wishes}


async def list_transcriptions(request: Request, parameters: ListParameters) -> Response:
    """Return a page of jobs; give `next_cursor` back as `cursor` for the next one."""
    status = None if parameters.status is UNSET else parameters.status
    after = None if parameters.cursor is UNSET else decode_cursor(parameters.cursor)
    found = await _service(request).list(
        caller_of(request).owner, parameters.limit + 1, status, after
    )
    page = found[: parameters.limit]
    more = encode_cursor(page[-1].job) if len(found) > len(page) else None
    return JsonResponse({"jobs": [shown(view) for view in page], "next_cursor": more})


async def read_transcription(request: Request, parameters: ReadParameters) -> Response:
    """Return a job: where it is, and once completed its transcript."""
    owner, job_id = caller_of(request).owner, request.path_params["job_id"]
    with_history = parameters.include == "history"
    if parameters.version:
        versions: Versions = request.app.state.versions
        view = await versions.read(
            owner, job_id, parameters.version, with_history=with_history, in_pieces=True
        )
    else:
        view = await _service(request).read(
            owner, job_id, with_history=with_history, in_pieces=True
        )
    if view.pieces is None:
        return JsonResponse(shown(view))
    if request.state.is_head:
        return head_of_stream(JsonResponse.media_type)
    return StreamingResponse(_whole(request, view, view.pieces), media_type=JsonResponse.media_type)


async def _whole(
    request: Request, view: JobView, pieces: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """Yield the JSON of a job whose transcript comes in pieces."""
    async with aclosing(pieces):
        yield msgspec.json.encode(shown(view)).removesuffix(b"}") + b',"segments":'
        async for piece in pieces:
            # Whoever reads says how long it takes.
            await require_key(request)
            yield piece


async def delete_transcription(request: Request, _parameters: Parameters) -> Response:
    """Cancel a job if it still runs, and remove its recording, outputs and transcript."""
    await _service(request).delete(caller_of(request).owner, request.path_params["job_id"])
    return Response(status_code=204)


OPERATIONS = (
    Operation("POST", PATH, create_transcription),
    Operation("GET", PATH, list_transcriptions, ListParameters),
    Operation("GET", f"{PATH}/{{job_id}}", read_transcription, ReadParameters),
    Operation("DELETE", f"{PATH}/{{job_id}}", delete_transcription),
)
