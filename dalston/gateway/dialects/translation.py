"""From what a vendor's client asks for to the fields of a job, or to why that can't be done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.errors import DalstonError, UnavailableError, UnsupportedValueError
from dalston.common.transcript import Transcript
from dalston.gateway.authentication import asking, caller_of, require_key, tell_quotas
from dalston.gateway.errors import JOB_ID_HEADER
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.openai.answers import unless_gone
from dalston.gateway.openai.waiting import Patience, Transcription
from dalston.gateway.openai.wishes import DIARIZED, LISTS, Wish
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.acceptance import Accepted
from dalston.gateway.services.idempotency import read_name
from dalston.gateway.services.jobs import JobService, Submitted
from dalston.gateway.services.leaving import Leaving
from dalston.gateway.services.options import short
from dalston.gateway.services.outcomes import JobStillRunningError
from dalston.gateway.services.quotas import quotas_of
from dalston.gateway.services.submitted import Asked, Manner
from dalston.gateway.services.suggestions import did_you_mean
from dalston.gateway.uploads import Submission, TextField, decode_text

Given = Mapping[str, Sequence[str]]
"""What was sent, by the vendor's names."""
_SENT_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
_SERVER_SIDE = 500


@dataclass
class Plan:
    """The fields of a job, in the manner that is answered with a transcript.

    Attributes:
        fields: Values by our names; a list has several.
        told: The vendor's name of each, where that is another one.
        diarized: Whether an answer without speakers would be another than what was asked for.
    """

    fields: dict[str, str | list[str]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    diarized: bool = False

    def put(self, name: str, value: str | list[str], told: str) -> None:
        """Ask for something; `told` is the vendor's name for it."""
        self.fields[name] = value
        self.told[name] = told

    @contextmanager
    def told_names(self) -> Iterator[None]:
        """Have errors name what the vendor's client has sent."""
        try:
            yield
        except DalstonError as error:
            told = self.told.get(error.param or "")
            if told is not None and told != error.param:
                error.message = f"{told}: {error.message}"
                error.args = (error.message,)
                error.param = told
            raise


class VendorFields:
    """Takes the fields of a vendor's request.

    Args:
        service: Knows what can be asked for.
        known: Names of all fields that the vendor has.
        plan: Makes the plan of what was sent.
        wait: Whether the answer is to be the transcript.
    """

    def __init__(
        self,
        service: JobService,
        known: Collection[str],
        plan: Callable[[Given], Plan],
        *,
        wait: bool = True,
    ) -> None:
        self._service = service
        self._known = known
        self._plan = plan
        self._manner = Manner(openai=True, job=not wait)
        self.given: dict[str, list[str]] = {}

    async def take(self, sent: TextField) -> None:
        """Take a field.

        Raises:
            UnsupportedValueError: The vendor has none of that name.
            InvalidTextError: It has control characters.
        """
        if sent.name not in self._known:
            raise unsupported(
                short(sent.name),
                f"isn't known here.{did_you_mean(sent.name, self._known)} Known are "
                f"{', '.join(self._known)}",
            )
        if decode_text(sent.value.encode(errors="surrogatepass"), sent.name):
            self.given.setdefault(sent.name, []).append(sent.value)

    async def before_file(self) -> None:
        """Refuse, before the recording is uploaded, what is wrong whatever comes behind it.

        Raises:
            RequestError: Something is.
        """
        plan = self._plan(self.given)
        fields = self._service.fields(self._manner)
        with plan.told_names():
            await self._feed(fields.take, plan)
            await fields.before_file()

    async def asked(self) -> Asked:
        """Return what all fields ask for.

        Raises:
            RequestError: That can't be done.
        """
        plan = self._plan(self.given)
        fields = self._service.fields(self._manner)
        with plan.told_names():
            await self._feed(fields.take, plan)
            asked = await fields.asked()
        if plan.diarized and asked.wish is not None:
            wish = msgspec.structs.replace(asked.wish, response_format=DIARIZED)
            return replace(asked, wish=wish)
        return asked

    @staticmethod
    async def _feed(take: Callable[[TextField], Awaitable[None]], plan: Plan) -> None:
        for name, value in plan.fields.items():
            sent = f"{name}[]" if name in LISTS else name
            for one in [value] if isinstance(value, str) else value:
                await take(TextField(sent, one))


def unsupported(name: str, what: str) -> UnsupportedValueError:
    """Return the error for something that a vendor has, and this server hasn't."""
    return UnsupportedValueError(f"{name} {what}. Leave it out, or change it.", param=name)


def refuse(given: Given, names: Collection[str], harmless: Collection[str] = ()) -> None:
    """Refuse whatever of some fields asks for something.

    Args:
        given: What was sent.
        names: Fields for what nothing here can do.
        harmless: Values with which they ask for nothing.

    Raises:
        UnsupportedValueError: One does.
    """
    for name in names:
        for value in given.get(name, ()):
            if value.lower() not in harmless:
                # The value isn't repeated: it may be an address or a header with a secret.
                raise unsupported(name, "asks for what nothing here can do")


async def submit(request: Request, form: Submission, fields: VendorFields) -> Submitted:
    """Store a recording and accept a job for it.

    Raises:
        RequestError: It can't become one.
        LimitReachedError: Its owner has as much as may be.
    """
    service: JobService = request.app.state.jobs
    caller = caller_of(request)
    submitted = await service.submit(asking(request), form, fields, read_name(request.headers))
    if submitted.accepted.used is not None:
        tell_quotas(request, quotas_of(caller.limits, submitted.accepted.used))
    if submitted.accepted.replayed:
        leaving: Leaving = request.app.state.leaving
        await leaving.back(submitted.accepted.job.id)
    return submitted


async def transcribed(
    request: Request, submitted: Submitted, body_of: Callable[[Transcript], Any]
) -> Response:
    """Answer with a job's transcript, once it is there.

    Args:
        request: What is answered.
        submitted: The job.
        body_of: Makes the answer's JSON.

    Raises:
        JobError: There is none, or not in time; the job stays.
        ClientGoneError: Nobody waits any more.
    """
    service: JobService = request.app.state.jobs
    job = submitted.accepted.job
    patience = Patience(request.app.state.parts, job, None)
    transcription = Transcription(
        service, job, submitted.wish or Wish(), patience, partial(require_key, request)
    )
    answers: LongAnswers = request.app.state.long_answers
    headers = job_headers(submitted.accepted)

    async def made() -> Response:
        found = await transcription.read()
        return await asyncio.to_thread(lambda: JsonResponse(body_of(found), headers=headers))

    try:
        await unless_gone(transcription.done(), request.receive, job)
        return await transcription.in_time(answers.answer(request, made, transcription.seconds))
    except JobStillRunningError:
        # Without the advice that is for OpenAI's clients alone.
        raise JobStillRunningError(
            f"The transcript takes longer than a request can wait. The job {job.id} goes on; don't "
            f"send the recording again. Its transcript will be at "
            f"/v1/audio/transcriptions/{job.id}.",
            job.id,
        ) from None
    except UnavailableError as error:
        if error.job_id is not None:
            raise
        # Without its job's id the client would send the recording again.
        about_job = UnavailableError(
            f"A part of the server does not answer now. The job {job.id} goes on; don't send the "
            f"recording again. Its transcript will be at /v1/audio/transcriptions/{job.id}."
        )
        about_job.job_id = job.id
        raise about_job from error


def status_of(error: DalstonError) -> int:
    """Return the status of an error, for clients that send all again by the status alone.

    An answer about a job that was made must not have one of those: the recording would be
    uploaded and transcribed once more.
    """
    again = error.http_status >= _SERVER_SIDE or error.http_status in _SENT_AGAIN
    if error.job_id is not None and again:
        return HTTPStatus.FAILED_DEPENDENCY
    return error.http_status


def job_headers(accepted: Accepted) -> dict[str, str]:
    """Return the headers that name an answer's job, and say whether it was there already."""
    replayed = {"Idempotent-Replayed": "true"} if accepted.replayed else {}
    return {JOB_ID_HEADER: accepted.job.id} | replayed
