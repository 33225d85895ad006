"""Deepgram's speech-to-text of recordings: `/v1/listen`.

Source of the parameters: Deepgram's own client for Python,
https://github.com/deepgram/deepgram-python-sdk.
"""

from __future__ import annotations

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.errors import InvalidParameterError
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.dialect import Dialect
from dalston.gateway.dialects.deepgram_answers import Shape, error_body, listen_body
from dalston.gateway.dialects.languages import plain_language
from dalston.gateway.dialects.translation import (
    Given,
    Plan,
    VendorFields,
    refuse,
    status_of,
    submit,
    transcribed,
    unsupported,
)
from dalston.gateway.documents import read_document
from dalston.gateway.openai.wishes import MODEL
from dalston.gateway.receiving import RawBody, WithoutFile
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.options import truth
from dalston.gateway.services.sources import SOURCE_URL
from dalston.gateway.uploads import TextField

PATH = "/v1/listen"
_SCHEME, _OURS = "token", "Bearer"
_JSON, _URL = "application/json", "url"
MODELS = ("nova", "nova-general", "nova-2", "nova-2-general", "nova-3", "nova-3-general")
"""Deepgram's own models for speech of any kind: each stands for the configured pipeline."""
_SWITCHES = ("diarize", "detect_language", "multichannel", "paragraphs", "punctuate", "utterances")
_DONE = (
    *(MODEL, "language", *_SWITCHES, "smart_format", "keyterm", "keywords", "tag"),
    *("version", "mip_opt_out", "diarize_model", "alternatives"),
)
_NOT_DONE = (
    *("callback", "callback_method", "custom_intent", "custom_intent_mode", "custom_topic"),
    *("custom_topic_mode", "detect_entities", "dictation", "encoding", "extra", "filler_words"),
    *("intents", "language_hint", "measurements", "numerals", "profanity_filter", "redact"),
    *("replace", "sample_rate", "search", "sentiment", "summarize", "topics", "utt_split"),
)
PARAMETERS = (*_DONE, *_NOT_DONE)
_LISTS = ("keyterm", "keywords", "tag")
_SEVERAL = "multi"
"""In place of a language: several are spoken."""


def credentials(headers: Headers) -> list[str]:
    """Return what a request shows of keys, as `Authorization` has it."""
    shown = []
    for value in headers.getlist("authorization"):
        scheme, _, key = value.strip().partition(" ")
        shown.append(f"{_OURS} {key}" if scheme.lower() == _SCHEME else value)
    return shown


DIALECT = Dialect((PATH,), credentials, error_body, status_of)


def plan(given: Given) -> Plan:
    """Return what a job is asked for.

    Raises:
        RequestError: A parameter is wrong, or asks for what nothing here can do.
    """
    for name, values in given.items():
        if len(values) > 1 and name not in (*_LISTS, *_NOT_DONE):
            raise InvalidParameterError(f"{name} is there twice. Send it once.", param=name)
    one = {name: values[0] for name, values in given.items()}
    on = {name: truth(one.get(name, "false"), name) for name in _SWITCHES}
    refuse(given, _NOT_DONE, ["false"])
    refuse(given, ["version"], ["latest"])
    refuse(given, ["alternatives"], ["1"])
    refuse(given, ["diarize_model"], ["latest"])
    if "punctuate" in one and not on["punctuate"]:
        raise unsupported("punctuate", "can't be false: all text here is punctuated")
    found = Plan()
    if MODEL in one and one[MODEL] not in MODELS:
        found.put(MODEL, one[MODEL], MODEL)
    _plan_language(one, found, detect=on["detect_language"])
    if "diarize_model" in one and "diarize" in one and not on["diarize"]:
        raise InvalidParameterError(
            "diarize=false and diarize_model say two things. Leave one out.", param="diarize_model"
        )
    if on["diarize"] or "diarize_model" in one:
        found.put("diarize", "true", "diarize")
        found.diarized = True
    if on["multichannel"]:
        found.put("channels", "split", "multichannel")
    _plan_terms(given, found)
    if _URL in one:
        found.put(SOURCE_URL, one[_URL], _URL)
    return found


def _plan_language(one: dict[str, str], found: Plan, *, detect: bool) -> None:
    language = one.get("language")
    if language is None:
        return
    if detect:
        raise InvalidParameterError(
            "language and detect_language say two things. Leave one out.", param="detect_language"
        )
    if language == _SEVERAL:
        found.put("language_detection", "chunk", "language")
    else:
        found.put("language", plain_language(language), "language")


def _plan_terms(given: Given, found: Plan) -> None:
    for name in ("keyterm", "keywords"):
        for term in given.get(name, ()):
            if name == "keywords" and ":" in term:
                raise unsupported(name, "can't have intensifiers")
    terms = [*given.get("keyterm", ()), *given.get("keywords", ())]
    if terms:
        found.put("hotwords", ", ".join(terms), "keyterm" if "keyterm" in given else "keywords")


class Address(msgspec.Struct, frozen=True):
    """A body that names a recording in place of being one."""

    url: str


async def listen(request: Request, _parameters: Parameters) -> Response:
    """Store the recording that the body is, and answer with its transcript, once that is there.

    A body of JSON says with `url` where the recording is to be fetched from.
    """
    sent = [TextField(name, value) for name, value in request.query_params.multi_items()]
    service: JobService = request.app.state.jobs
    fields = VendorFields(service, (*PARAMETERS, _URL), plan)
    form: RawBody | WithoutFile
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _JSON:
        timeout = request.app.state.parts.body_timeout_seconds
        where = await read_document(request, Address, timeout)
        form = WithoutFile([*sent, TextField(_URL, where.url)])
    else:
        form = RawBody(request, sent)
    submitted = await submit(request, form, fields)
    job = submitted.accepted.job
    shape = _shape(fields.given)
    sha256 = form.sha256 if isinstance(form, RawBody) else None
    return await transcribed(
        request, submitted, lambda found: listen_body(found, job, sha256, shape)
    )


def _shape(given: Given) -> Shape:
    on = {name: truth(given.get(name, ["false"])[0], name) for name in _SWITCHES}
    return Shape(
        speakers=on["diarize"] or "diarize_model" in given,
        split=on["multichannel"],
        utterances=on["utterances"],
        paragraphs=on["paragraphs"],
        tags=given.get("tag", ()),
    )


OPERATIONS = (Operation("POST", PATH, listen, None),)
