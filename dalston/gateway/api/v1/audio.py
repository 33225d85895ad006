"""`/v1/audio/transcriptions/{job_id}/audio`: the recording, whole or in part."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dalston.common.errors import ObjectMissingError
from dalston.common.models import Job
from dalston.common.storage import ObjectStore
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.downloads import attachment
from dalston.gateway.api.v1.transcription import PATH
from dalston.gateway.authentication import caller_of, require_key
from dalston.gateway.parts import Parts
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.media import media_type, stored_extension
from dalston.gateway.services.outcomes import AudioDeletedError, NotFetchedError, RangeError
from dalston.gateway.services.pieces import PIECES
from dalston.gateway.services.sources import recording_of

# Some clients write the end as the largest number that they have, up to twenty digits.
_RANGE = re.compile(
    r"bytes=(?:([0-9]{1,99})-([0-9]{0,99})|-([0-9]{1,99}))", re.ASCII | re.IGNORECASE
)


async def read_audio(request: Request, _parameters: Parameters) -> Response:
    """Return a job's recording as it was sent; with the header `Range` that part of it."""
    service: JobService = request.app.state.jobs
    parts: Parts = request.app.state.parts
    view = await service.look(caller_of(request).owner, request.path_params["job_id"])
    job = view.job
    path = recording_of(job, view.tasks)
    if path is None:
        raise _not_fetched(job)
    try:
        size = await parts.store.size(path)
    except ObjectMissingError:
        raise _deleted(job) from None
    extension = PurePosixPath(path).suffix.removeprefix(".")
    extension = extension or stored_extension(job.filename or "", "")
    # In another version it may have been fetched anew.
    tag = f'"{job.id}-{job.version}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(job, extension),
        "ETag": tag,
        "X-Content-Type-Options": "nosniff",
    }
    wanted = None
    # A part is what a GET may ask for, and nothing else (RFC 9110, section 14.2).
    if not request.state.is_head and request.headers.get("if-range", tag) == tag:
        wanted = _wanted(request.headers.get("range", ""), size, job.id)
    start, end = wanted or (0, size)
    headers["Content-Length"] = str(end - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if wanted is None else 206
    if request.state.is_head:
        return Response(None, status, headers, media_type(extension))
    pieces = _pieces(request, path, start, end)
    return StreamingResponse(pieces, status, headers, media_type(extension))


def _wanted(text: str, size: int, job_id: str) -> tuple[int, int] | None:
    """Return the first byte of a range and the one behind its last (RFC 9110, section 14.2).

    None stands for the whole: there is no range, or one that nobody needs to understand, such as
    several at once.

    Raises:
        RangeError: It lies behind the end.
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None:
        return None
    first, last, count = found.groups()
    if count is not None:
        start, end = max(0, size - int(count)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise RangeError(f"The recording has {size} bytes. Ask for some of them.", job_id, size)
    return start, end


async def _pieces(request: Request, path: str, start: int, end: int) -> AsyncIterator[bytes]:
    store: ObjectStore = request.app.state.parts.store
    with PIECES.reader():
        while start < end:
            # Whoever reads says how long it takes.
            await require_key(request)
            size = min(PIECES.size, end - start)
            yield await store.get_range(path, start, size)
            start += size


def _not_fetched(job: Job) -> NotFetchedError:
    return NotFetchedError(
        f"The recording of the job {job.id} has not been fetched from its address. Ask for the "
        f"job: it says how far it is, or why it failed.",
        job.id,
    )


def _deleted(job: Job) -> AudioDeletedError:
    return AudioDeletedError(
        f"The recording of the job {job.id} has been deleted, as its retention says. What was made "
        f"of it is at /v1/audio/transcriptions/{job.id}.",
        job.id,
    )


OPERATIONS = (Operation("GET", f"{PATH}/{{job_id}}/audio", read_audio),)
