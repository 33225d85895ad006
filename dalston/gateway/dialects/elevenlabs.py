"""ElevenLabs' speech-to-text: `/v1/speech-to-text`.

Source of the fields: ElevenLabs' own client for Python,
https://github.com/elevenlabs/elevenlabs-python.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.errors import DalstonError, InvalidParameterError
from dalston.common.models import Job, JobStatus
from dalston.common.transcript import Transcript
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.authentication import caller_of
from dalston.gateway.dialect import Dialect
from dalston.gateway.dialects import translation
from dalston.gateway.dialects.elevenlabs_answers import Json, error_body, transcript_body
from dalston.gateway.dialects.languages import plain_language
from dalston.gateway.dialects.translation import (
    Given,
    Plan,
    VendorFields,
    refuse,
    submit,
    transcribed,
    unsupported,
)
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.openai.wishes import MODEL
from dalston.gateway.receiving import upload_limit
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.options import short, truth
from dalston.gateway.services.outcomes import NotCompletedError
from dalston.gateway.services.sources import SOURCE_URL
from dalston.gateway.uploads import FormReader

PATH = "/v1/speech-to-text"
TRANSCRIPT = f"{PATH}/transcripts/{{transcription_id}}"
MODELS = ("scribe_v1", "scribe_v1_experimental", "scribe_v2", "scribe_v3")
"""ElevenLabs' own models for speech of any kind: each stands for the configured pipeline."""
_MODEL_ID, _SPLIT, _STYLE = "model_id", "use_multi_channel", "multichannel_output_style"
_FORMATS = "additional_formats"
_ADDRESSES = (SOURCE_URL, "cloud_storage_url")
_DONE = (
    *(_MODEL_ID, "language_code", "diarize", "num_speakers", "timestamps_granularity"),
    *("temperature", "keyterms", _SPLIT, _STYLE, _FORMATS, "file_format", *_ADDRESSES),
)
_NOT_DONE = (
    *("tag_audio_events", "diarization_threshold", "seed", "secondary_language_codes"),
    *("numbers_format", "transcript_edit", "entity_detection", "entity_redaction"),
    *("entity_redaction_mode", "no_verbatim", "use_speaker_library", "detect_speaker_roles"),
    *("webhook", "webhook_id", "webhook_metadata"),
)
FIELDS = (*_DONE, *_NOT_DONE)
LISTS = ("keyterms", "secondary_language_codes")
_ASKS_NOTHING = ("false", "null", "none", "[]", "{}", '""')
_MOST_FORMATS = 8
_Formats = Annotated[list[dict[str, Any]], msgspec.Meta(max_length=_MOST_FORMATS)]
_WRITTEN = ("srt", "txt")
_OPTIONS_OF_FORMATS = ("format", "include_speakers", "max_characters_per_line")
_LINE_LENGTHS = range(10, 501)


class SpeechToTextParameters(Parameters, frozen=True):
    """What may stand behind the `?`: never a key."""

    enable_logging: str = "true"


def credentials(headers: Headers) -> list[str]:
    """Return what a request shows of keys, as `Authorization` has it."""
    keys = [f"Bearer {key}" for key in headers.getlist("xi-api-key")]
    return [*keys, *headers.getlist("authorization")]


def status_of(error: DalstonError) -> int:
    """Return the HTTP status of an error: a transcript that isn't there yet isn't there."""
    if isinstance(error, NotCompletedError):
        return HTTPStatus.NOT_FOUND
    return translation.status_of(error)


DIALECT = Dialect((PATH,), credentials, error_body, status_of)


def plan(given: Given) -> Plan:
    """Return what a job is asked for.

    Raises:
        RequestError: A field is wrong, or asks for what nothing here can do.
    """
    for name, values in given.items():
        if len(values) > 1 and name not in LISTS:
            raise InvalidParameterError(f"{name} is there twice. Send it once.", param=name)
    one = {name: values[0] for name, values in given.items()}
    refuse(given, _NOT_DONE, _ASKS_NOTHING)
    refuse(given, ["file_format"], ["other"])
    found = Plan()
    if _MODEL_ID in one and one[_MODEL_ID] not in MODELS:
        found.put(MODEL, one[_MODEL_ID], _MODEL_ID)
    if "language_code" in one:
        found.put("language", plain_language(one["language_code"]), "language_code")
    _plan_address(one, found)
    _plan_speakers(one, found)
    if "temperature" in one:
        found.put("temperature", one["temperature"], "temperature")
    if "keyterms" in given:
        found.put("hotwords", ", ".join(given["keyterms"]), "keyterms")
    if truth(one.get(_SPLIT, "false"), _SPLIT):
        found.put("channels", "split", _SPLIT)
    _split(one)
    _plan_words(one.get("timestamps_granularity"), found)
    formats(one)
    return found


def _plan_address(one: dict[str, str], found: Plan) -> None:
    if len({one[name] for name in _ADDRESSES if name in one}) > 1:
        raise InvalidParameterError(
            f"{' and '.join(_ADDRESSES)} name two recordings. Leave one out.", param=_ADDRESSES[1]
        )
    for name in _ADDRESSES:
        if name in one:
            found.put(SOURCE_URL, one[name], name)


def _plan_speakers(one: dict[str, str], found: Plan) -> None:
    if truth(one.get("diarize", "false"), "diarize"):
        found.put("diarize", "true", "diarize")
        found.diarized = True
        if "num_speakers" in one:
            # It is the most that may be told apart.
            found.put("max_speakers", one["num_speakers"], "num_speakers")
    elif not one.get("num_speakers", "1").isdecimal():
        # Without diarize it helps nobody, there as here.
        raise InvalidParameterError(
            "num_speakers: a whole number is allowed.", param="num_speakers"
        )


def _plan_words(granularity: str | None, found: Plan) -> None:
    name = "timestamps_granularity"
    if granularity == "word":
        found.put("response_format", "verbose_json", name)
        found.put("timestamp_granularities", ["word"], name)
    elif granularity == "character":
        raise unsupported(name, "can't be 'character': no engine here times characters")
    elif granularity not in (None, "none"):
        raise InvalidParameterError(f"{name}: none or word is allowed.", param=name)


def _split(one: dict[str, str]) -> str | None:
    """Return how channels are to be answered that are transcribed alone."""
    style = one.get(_STYLE, "separate")
    if style not in ("separate", "combined"):
        raise InvalidParameterError(f"{_STYLE}: separate or combined is allowed.", param=_STYLE)
    return style if truth(one.get(_SPLIT, "false"), _SPLIT) else None


def formats(one: dict[str, str]) -> list[Json]:
    """Return what a transcript is to be written as, besides.

    Raises:
        RequestError: It can't be.
    """
    text = one.get(_FORMATS)
    if text is None or text == "null":
        return []
    wanted: list[Json]
    try:
        wanted = msgspec.json.decode(text, type=_Formats)
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidParameterError(
            f"{_FORMATS}: a JSON list of up to {_MOST_FORMATS} objects with 'format' is allowed.",
            param=_FORMATS,
        ) from None
    for each in wanted:
        if each.get("format") not in _WRITTEN:
            raise unsupported(_FORMATS, f"can be {' and '.join(_WRITTEN)} only")
        for name, value in each.items():
            if name not in _OPTIONS_OF_FORMATS and value is not None:
                raise unsupported(_FORMATS, f"can't have '{short(name)}'")
        length = each.get("max_characters_per_line")
        if length is not None and not (isinstance(length, int) and length in _LINE_LENGTHS):
            raise unsupported(_FORMATS, "can have max_characters_per_line from 10 to 500")
        if length is not None and each["format"] != "srt":
            raise unsupported(_FORMATS, "can have max_characters_per_line with srt only")
    if wanted and _split(one) == "separate":
        raise unsupported(_FORMATS, "can't be written for each channel")
    return wanted


async def convert_speech_to_text(request: Request, parameters: SpeechToTextParameters) -> Response:
    """Store a recording and answer with its transcript, once that is there."""
    refuse({"enable_logging": [parameters.enable_logging]}, ["enable_logging"], ["true"])
    service: JobService = request.app.state.jobs
    form = FormReader(
        request.headers.get("content-type"),
        request.receive,
        upload_limit(request),
        request.app.state.parts.body_timeout_seconds,
        lists=LISTS,
    )
    fields = VendorFields(service, FIELDS, plan)
    submitted = await submit(request, form, fields)
    job = submitted.accepted.job
    one = {name: values[0] for name, values in fields.given.items()}
    return await transcribed(request, submitted, lambda found: _body(job, found, one))


def _body(job: Job, transcript: Transcript, one: dict[str, str]) -> Json:
    return transcript_body(
        transcript,
        job.id,
        words=one.get("timestamps_granularity") != "none",
        split=_split(one),
        formats=formats(one),
    )


async def read_speech_to_text(request: Request, _parameters: Parameters) -> Response:
    """Return the transcript of a job that is completed."""
    answers: LongAnswers = request.app.state.long_answers
    return await answers.answer(request, lambda: _read(request))


async def _read(request: Request) -> Response:
    service: JobService = request.app.state.jobs
    job_id = request.path_params["transcription_id"]
    view = await service.read(caller_of(request).owner, job_id)
    if view.job.status is not JobStatus.COMPLETED or view.transcript is None:
        raise NotCompletedError(
            f"The transcript {job_id} is {view.job.status}. While it is pending or running, ask "
            f"again later; GET /v1/audio/transcriptions/{job_id} says more.",
            job_id,
        )
    split = "separate" if view.job.parameters.get("channels") == "split" else None
    fields = view.transcript
    return await asyncio.to_thread(
        lambda: JsonResponse(transcript_body(transcript_of(job_id, fields), job_id, split=split))
    )


async def delete_speech_to_text(request: Request, _parameters: Parameters) -> Response:
    """Cancel a job if it still runs, and remove its recording, outputs and transcript."""
    service: JobService = request.app.state.jobs
    await service.delete(caller_of(request).owner, request.path_params["transcription_id"])
    return JsonResponse({"message": "Delete completed successfully."})


OPERATIONS = (
    Operation("POST", PATH, convert_speech_to_text, SpeechToTextParameters),
    Operation("GET", TRANSCRIPT, read_speech_to_text),
    Operation("DELETE", TRANSCRIPT, delete_speech_to_text),
)
