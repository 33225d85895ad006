"""AssemblyAI's routes: `/v2/upload` and `/v2/transcript`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.errors import BodyTimeoutError, InvalidParameterError, ObjectMissingError
from dalston.common.formats import MEDIA_TYPES, SUBTITLES
from dalston.common.models import Job, JobStatus
from dalston.common.subtitles import Rules
from dalston.common.transcript import Transcript
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.cursors import decode_cursor, encode_cursor
from dalston.gateway.authentication import caller_of
from dalston.gateway.dialects.assemblyai import (
    AUDIO_URL,
    FIELDS,
    TRANSCRIPTS,
    UPLOAD,
    StoredRecording,
    fields_of,
    plan,
    upload_name,
)
from dalston.gateway.dialects.assemblyai_answers import (
    STATUSES,
    Json,
    error_of,
    job_body,
    paragraphs_body,
    sentences_body,
    shown_status,
)
from dalston.gateway.dialects.translation import VendorFields, job_headers, submit
from dalston.gateway.documents import read_document
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.parts import Parts
from dalston.gateway.receiving import RawBody, WithoutFile
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.acceptance import Accepted
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.held import HeldRecordings
from dalston.gateway.services.idempotency import Name
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.outcomes import NotCompletedError
from dalston.gateway.uploads import TextField

_ONE = f"{TRANSCRIPTS}/{{transcript_id}}"
_LONGEST_PAGE = 200


class ListParameters(Parameters, frozen=True):
    """Which transcripts are listed."""

    limit: Annotated[
        int,
        Meta(
            ge=1,
            le=_LONGEST_PAGE,
            description=f"a whole number from 1 to {_LONGEST_PAGE}: how many at most",
        ),
    ] = 10
    status: Annotated[
        Literal["queued", "processing", "completed", "error"] | UnsetType,
        Meta(description="one of queued, processing, completed, error: only such transcripts"),
    ] = UNSET
    before_id: Annotated[
        Annotated[str, Meta(max_length=100)] | UnsetType,
        Meta(description="the id of a transcript, or what prev_url has: only older ones"),
    ] = UNSET


class CaptionParameters(Parameters, frozen=True):
    """How subtitles are to be."""

    chars_per_caption: Annotated[
        int, Meta(ge=0, le=500, description="a whole number from 10 to 500: characters at most")
    ] = 0


def _service(request: Request) -> JobService:
    service: JobService = request.app.state.jobs
    return service


def _held(request: Request) -> HeldRecordings:
    held: HeldRecordings = request.app.state.held
    return held


def _audio_url(request: Request, name: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{UPLOAD}/{name}"


async def upload(request: Request, _parameters: Parameters) -> Response:
    """Store the recording that the body is, and return an address for `audio_url`."""
    parts: Parts = request.app.state.parts
    caller, body = caller_of(request), RawBody(request)
    try:
        # Who may have no job needs no recording for one. What takes longer than this could be
        # taken for an orphan before it is whole.
        async with (
            _service(request).room.held(caller, Name()),
            asyncio.timeout(parts.longest_upload_seconds),
        ):
            upload_id = await _held(request).hold(caller, body.file_data())
    except TimeoutError:
        raise BodyTimeoutError(
            "The upload took too long in all. Send it over a faster connection."
        ) from None
    return JsonResponse({"upload_url": _audio_url(request, upload_id)})


async def create_transcript(request: Request, _parameters: Parameters) -> Response:
    """Accept a job for a recording that was uploaded, or is to be fetched. Poll it."""
    parts: Parts = request.app.state.parts
    asked = await read_document(request, dict[str, Any], parts.body_timeout_seconds)
    sent = fields_of(asked)
    url = asked.get(AUDIO_URL)
    if not isinstance(url, str):
        raise InvalidParameterError(
            f"{AUDIO_URL} is missing: send the upload_url of {UPLOAD}, or where the recording is.",
            param=AUDIO_URL,
        )
    name = upload_name(request, url)
    if name is None:
        accepted, _ = await submit(request, WithoutFile(sent), _fields(request))
    else:
        own = [field for field in sent if field.name != AUDIO_URL]
        accepted = await _submit_uploaded(request, own, name)
        await _held(request).release(caller_of(request), name, accepted.job.id)
    body = job_body(accepted.job, _audio_url(request, accepted.job.id), None)
    return JsonResponse(body, headers=job_headers(accepted))


def _fields(request: Request) -> VendorFields:
    return VendorFields(_service(request), FIELDS, plan, wait=False)


async def _submit_uploaded(request: Request, sent: Sequence[TextField], name: str) -> Accepted:
    """Accept a job for a recording that is here already.

    Args:
        request: The request.
        sent: Its fields without the recording's address.
        name: The id of an upload or of a job.

    Raises:
        InvalidParameterError: The recording isn't here.
    """
    parts: Parts = request.app.state.parts
    # Another job may take an upload over meanwhile; from then on it is to be found with that job.
    for _ in range(2):
        path = await _held(request).find(caller_of(request).owner, name)
        if path is None:
            break
        form = StoredRecording(parts.store, path, sent)
        try:
            accepted, _ = await submit(request, form, _fields(request))
        except ObjectMissingError:
            continue
        return accepted
    raise InvalidParameterError(
        f"{AUDIO_URL}: there is no recording at this address. It was deleted, or never yours. Send "
        f"it to {UPLOAD} again.",
        param=AUDIO_URL,
    )


async def _view(request: Request) -> JobView:
    job_id = request.path_params["transcript_id"]
    return await _service(request).read(caller_of(request).owner, job_id)


async def read_transcript(request: Request, _parameters: Parameters) -> Response:
    """Return a job: where it is, and once completed its transcript."""
    return await _long(request, lambda: _read(request))


async def _read(request: Request) -> Response:
    view = await _view(request)
    url = _audio_url(request, view.job.id)

    def made() -> Response:
        fields = view.transcript
        found = None if fields is None else transcript_of(view.job.id, fields)
        return JsonResponse(job_body(view.job, url, found))

    return await asyncio.to_thread(made)


async def _long(request: Request, make: Callable[[], Awaitable[Response]]) -> Response:
    answers: LongAnswers = request.app.state.long_answers
    return await answers.answer(request, make)


async def delete_transcript(request: Request, _parameters: Parameters) -> Response:
    """Cancel a job if it still runs, and remove its recording, outputs and transcript."""
    view = await _view(request)
    await _service(request).delete(view.job.owner, view.job.id)
    return JsonResponse(job_body(view.job, _audio_url(request, view.job.id), None))


async def list_transcripts(request: Request, parameters: ListParameters) -> Response:
    """Return a page of jobs, newest first; its `prev_url` is the page of older ones."""
    owner, service = caller_of(request).owner, _service(request)
    after = None
    if parameters.before_id is not UNSET:
        after = await _place(service, owner, parameters.before_id)
    statuses = [None] if parameters.status is UNSET else STATUSES[parameters.status]
    lists = [await service.list(owner, parameters.limit + 1, one, after) for one in statuses]
    newest = merge(*lists, key=lambda view: (view.job.created_at, view.job.id), reverse=True)
    found = list(islice(newest, parameters.limit + 1))
    page = [view.job for view in found[: parameters.limit]]
    same = request.query_params.multi_items()
    more = [(name, value) for name, value in same if name != "before_id"]
    base = str(request.url.replace(query=""))
    # An id tells its place only as long as its job is there.
    older = f"{base}?{urlencode([*more, ('before_id', encode_cursor(page[-1]))])}" if page else None
    details = {
        "limit": parameters.limit,
        "result_count": len(page),
        "current_url": str(request.url),
        "prev_url": older if len(found) > len(page) else None,
        "next_url": None,
    }
    return JsonResponse(
        {"page_details": details, "transcripts": [_item(request, job, base) for job in page]}
    )


async def _place(service: JobService, owner: str, before: str) -> tuple[datetime, str]:
    """Return the creation time and the id behind which a list goes on.

    Raises:
        JobNotFoundError: It is neither what a page before had, nor the id of a job that is there.
    """
    with suppress(InvalidParameterError):
        return decode_cursor(before)
    job = (await service.look(owner, before)).job
    return job.created_at, job.id


def _item(request: Request, job: Job, base: str) -> Json:
    return {
        "id": job.id,
        "resource_url": f"{base}/{job.id}",
        "status": shown_status(job),
        "created": job.created_at,
        "completed": job.completed_at,
        "audio_url": _audio_url(request, job.id),
        "error": error_of(job),
    }


async def _written(request: Request, write: Callable[[Transcript, Job], Response]) -> Response:
    """Return what is made of the transcript of a completed job.

    Raises:
        NotCompletedError: It has none.
    """

    async def made() -> Response:
        view = await _view(request)
        fields = view.transcript
        if view.job.status is not JobStatus.COMPLETED or fields is None:
            raise NotCompletedError(
                f"The transcript {view.job.id} is {shown_status(view.job)}. Ask for it: it says "
                f"why it failed, or wait until it is completed.",
                view.job.id,
            )
        return await asyncio.to_thread(lambda: write(transcript_of(view.job.id, fields), view.job))

    return await _long(request, made)


async def read_sentences(request: Request, _parameters: Parameters) -> Response:
    """Return the segments of a transcript."""
    return await _written(request, lambda found, job: JsonResponse(sentences_body(found, job)))


async def read_paragraphs(request: Request, _parameters: Parameters) -> Response:
    """Return the paragraphs of a transcript."""
    return await _written(request, lambda found, job: JsonResponse(paragraphs_body(found, job)))


async def read_srt(request: Request, parameters: CaptionParameters) -> Response:
    """Return a transcript as SubRip subtitles."""
    return await _captions(request, parameters, "srt")


async def read_vtt(request: Request, parameters: CaptionParameters) -> Response:
    """Return a transcript as WebVTT subtitles."""
    return await _captions(request, parameters, "vtt")


async def _captions(request: Request, parameters: CaptionParameters, name: str) -> Response:
    length, rules = parameters.chars_per_caption, Rules()
    if length:
        shortest = 10
        if length < shortest:
            raise InvalidParameterError(
                f"chars_per_caption: {shortest} to 500 is allowed.", param="chars_per_caption"
            )
        rules = Rules(line_length=length, lines=1)
    kind = f"{MEDIA_TYPES[name]}; charset=utf-8"
    return await _written(
        request, lambda found, _job: Response(SUBTITLES[name](found, rules), media_type=kind)
    )


OPERATIONS = (
    Operation("POST", UPLOAD, upload),
    Operation("POST", TRANSCRIPTS, create_transcript),
    Operation("GET", TRANSCRIPTS, list_transcripts, ListParameters),
    Operation("GET", _ONE, read_transcript),
    Operation("DELETE", _ONE, delete_transcript),
    Operation("GET", f"{_ONE}/sentences", read_sentences),
    Operation("GET", f"{_ONE}/paragraphs", read_paragraphs),
    Operation("GET", f"{_ONE}/srt", read_srt, CaptionParameters),
    Operation("GET", f"{_ONE}/vtt", read_vtt, CaptionParameters),
)
