"""`/v1/audio/transcriptions/{job_id}/events`: what happens to a job, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dalston.common.errors import InvalidKeyError
from dalston.common.models import TERMINAL_JOB
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.transcription import PATH
from dalston.gateway.authentication import caller_of, require_key
from dalston.gateway.responses import (
    STREAM_HEADERS,
    STREAM_KEEP_ALIVE_SECONDS,
    STREAM_MEDIA_TYPE,
    head_of_stream,
)
from dalston.gateway.services.feeds import Feeds, Place
from dalston.gateway.services.jobs import JobService

_COMMENT = b": nothing new\n\n"


async def follow_transcription(request: Request, _parameters: Parameters) -> Response:
    """Send a job's states, its progress and its segments as they come, until it ends.

    With the header `Last-Event-ID` it goes on behind that event, as browsers do by themselves.
    """
    service: JobService = request.app.state.jobs
    owner, job_id = caller_of(request).owner, request.path_params["job_id"]
    job = (await service.look(owner, job_id)).job
    after = Place.read(request.headers.get("last-event-id", ""))
    if after.over and after.resumed == job.resumed and job.status in TERMINAL_JOB:
        # Anything else would make a browser ask again and again.
        return Response(status_code=204)
    if request.state.is_head:
        return head_of_stream(STREAM_MEDIA_TYPE, STREAM_HEADERS)
    return StreamingResponse(
        _events(request, owner, job_id, after),
        headers=STREAM_HEADERS,
        media_type=STREAM_MEDIA_TYPE,
    )


async def _events(request: Request, owner: str, job_id: str, after: Place) -> AsyncIterator[bytes]:
    feeds: Feeds = request.app.state.feeds
    silent_since = time.monotonic()
    yield _COMMENT
    async with feeds.of(owner, job_id) as feed, aclosing(feed.events(after)) as told:
        async for news in told:
            try:
                await require_key(request)
            except InvalidKeyError:
                return
            if news:
                yield news
            elif time.monotonic() - silent_since > STREAM_KEEP_ALIVE_SECONDS:
                yield _COMMENT
            else:
                continue
            silent_since = time.monotonic()


OPERATIONS = (Operation("GET", f"{PATH}/{{job_id}}/events", follow_transcription),)
