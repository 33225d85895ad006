"""Answers a submission with its transcript."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive

from dalston.common.models import Job
from dalston.common.transcript import Transcript
from dalston.gateway.authentication import require_key
from dalston.gateway.errors import JOB_ID_HEADER
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.openai.bodies import json_body, text_body
from dalston.gateway.openai.streams import events
from dalston.gateway.openai.waiting import Patience, Transcription
from dalston.gateway.openai.wishes import TEXT_FORMATS, Wish
from dalston.gateway.responses import STREAM_HEADERS, STREAM_MEDIA_TYPE, JsonResponse
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.leaving import Leaving
from dalston.gateway.uploads import ClientGoneError

log = structlog.get_logger(__name__)

_TIMEOUTS = {"x-stainless-read-timeout": math.inf, "x-stainless-timeout": 300.0}
"""In which OpenAI's clients say how many seconds they wait: the Python one, that for JavaScript.

The latter counts from before the upload, and Node.js itself waits 300 s for the answer's head.
"""
_Result = TypeVar("_Result")


async def answer(
    request: Request, service: JobService, job: Job, wish: Wish, leaving: Leaving | None = None
) -> Response:
    """Answer a submission with its transcript, once that is there.

    A client that goes away ends the waiting, and the job only if it asked for that.

    Args:
        request: What is answered.
        service: Has the job.
        job: The job.
        wish: How it is to be answered.
        leaving: Is told if the client goes away, if it asked for that.

    Raises:
        JobError: There is no transcript, or not in time; the job stays.
        ClientGoneError: Nobody waits any more.
    """
    # A client that hears something all the time doesn't lose patience.
    seconds = None if wish.stream else _client_seconds(request)
    patience = Patience(request.app.state.parts, job, seconds)
    transcription = Transcription(service, job, wish, patience, partial(require_key, request))
    headers = {JOB_ID_HEADER: job.id}
    if wish.stream:
        request_id = getattr(request.state, "request_id", None)
        sent = events(transcription, service, wish, request_id)
        return StreamingResponse(
            sent if leaving is None else leaving.until_left(sent, job.id),
            headers=STREAM_HEADERS | headers,
            media_type=STREAM_MEDIA_TYPE,
        )
    try:
        await unless_gone(transcription.done(), request.receive, job)
    except ClientGoneError:
        if leaving is not None:
            leaving.left(job.id)
        raise

    async def made() -> Response:
        # Hours of speech take seconds: others must not wait for that.
        return await asyncio.to_thread(_written, await transcription.read(), wish, headers)

    answers: LongAnswers = request.app.state.long_answers
    return await transcription.in_time(answers.answer(request, made, transcription.seconds))


def _written(transcript: Transcript, wish: Wish, headers: Mapping[str, str]) -> Response:
    if wish.response_format in TEXT_FORMATS:
        body, media_type = text_body(transcript, wish.response_format)
        return Response(body, media_type=media_type, headers=headers)
    return JsonResponse(json_body(transcript, wish), headers=headers)


def _client_seconds(request: Request) -> float | None:
    """Return how long a client waits for an answer, if it says so."""
    for name, most in _TIMEOUTS.items():
        with suppress(ValueError):
            seconds = float(request.headers.get(name, ""))
            if math.isfinite(seconds) and seconds > 0:
                return min(seconds, most)
    return None


async def unless_gone(work: Coroutine[Any, Any, _Result], receive: Receive, job: Job) -> _Result:
    """Return what work returns, unless the client goes away before.

    Raises:
        ClientGoneError: It has.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        log.info("client_gone", job_id=job.id)
        raise ClientGoneError
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
