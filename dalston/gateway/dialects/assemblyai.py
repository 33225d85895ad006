"""AssemblyAI's speech-to-text: what is asked of `/v2/upload` and `/v2/transcript`.

Source of the fields: AssemblyAI's own client for Python,
https://github.com/AssemblyAI/assemblyai-python-sdk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from dalston.common.errors import InvalidParameterError
from dalston.common.storage import ObjectStore
from dalston.gateway.dialect import Dialect
from dalston.gateway.dialects.assemblyai_answers import error_body
from dalston.gateway.dialects.languages import plain_language
from dalston.gateway.dialects.translation import Given, Plan, refuse, status_of, unsupported
from dalston.gateway.openai.wishes import MODEL
from dalston.gateway.services.options import truth
from dalston.gateway.services.sources import SOURCE_URL
from dalston.gateway.uploads import FILE_FIELD, FileStart, FormEvent, TextField

UPLOAD = "/v2/upload"
TRANSCRIPTS = "/v2/transcript"
MODELS = ("best", "nano", "slam-1", "universal", "universal-2", "universal-3-pro")
"""AssemblyAI's own models: each stands for the configured pipeline."""
AUDIO_URL = "audio_url"
_MODEL, _MODELS = "speech_model", "speech_models"
_SPEAKER_OPTIONS = "speaker_options"
_LEAST = f"{_SPEAKER_OPTIONS}.min_speakers_expected"
_MOST = f"{_SPEAKER_OPTIONS}.max_speakers_expected"
_SPEAKERS = {"speakers_expected": "num_speakers", _LEAST: "min_speakers", _MOST: "max_speakers"}
_ALWAYS = ("punctuate", "format_text")
_CHANNELS = ("multichannel", "dual_channel")
_TERMS = ("word_boost", "keyterms_prompt")
_LISTS = (_MODELS, *_TERMS, "language_codes")
_DONE = (
    *(AUDIO_URL, "language_code", "language_codes", "language_detection", "speaker_labels"),
    *(*_SPEAKERS, *_ALWAYS, *_CHANNELS, *_TERMS, "prompt", "temperature", _MODEL, _MODELS),
)
_NOT_DONE = (
    *("webhook_url", "webhook_auth_header_name", "webhook_auth_header_value"),
    *("audio_start_from", "audio_end_at", "boost_param", "filter_profanity", "redact_pii"),
    *("redact_pii_audio", "redact_pii_audio_quality", "redact_pii_audio_options"),
    *("redact_pii_policies", "redact_pii_sub", "redact_pii_return_unredacted"),
    *("content_safety", "content_safety_confidence", "iab_categories", "custom_spelling"),
    *("disfluencies", "sentiment_analysis", "auto_chapters", "entity_detection"),
    *("summarization", "summary_model", "summary_type", "auto_highlights"),
    *("language_confidence_threshold", "language_detection_options", "speech_threshold"),
    *("remove_audio_tags", "keyterms_prompt_options", "speech_understanding", "domain"),
    *("speaker_options.use_two_stage_clustering",),
    *("speaker_options.short_file_diarization_method",),
    *("speaker_options.long_file_diarization_method", "custom_topics", "topics"),
)
FIELDS = (*_DONE, *_NOT_DONE)


def credentials(headers: Headers) -> list[str]:
    """Return what a request shows of keys, as `Authorization` has it: there a key stands alone."""
    values = [value.strip() for value in headers.getlist("authorization")]
    return [value if " " in value else f"Bearer {value}" for value in values]


DIALECT = Dialect((UPLOAD, TRANSCRIPTS), credentials, error_body, status_of)


def fields_of(body: Mapping[str, Any]) -> list[TextField]:
    """Return what a body of JSON asks for as text fields; null asks for nothing.

    Raises:
        InvalidParameterError: What should be an object isn't one.
    """
    named = {name: value for name, value in body.items() if name != _SPEAKER_OPTIONS}
    options = body.get(_SPEAKER_OPTIONS)
    if isinstance(options, dict):
        named |= {f"{_SPEAKER_OPTIONS}.{name}": value for name, value in options.items()}
    elif options is not None:
        raise InvalidParameterError(
            f"{_SPEAKER_OPTIONS}: an object is allowed.", param=_SPEAKER_OPTIONS
        )
    return [
        TextField(name, _text(one))
        for name, value in named.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "an object" if value else ""
    return str(value)


def plan(given: Given) -> Plan:
    """Return what a job is asked for.

    Raises:
        RequestError: A field is wrong, or asks for what nothing here can do.
    """
    for name, values in given.items():
        if len(values) > 1 and name not in (*_LISTS, *_NOT_DONE):
            raise InvalidParameterError(f"{name} can't be a list.", param=name)
    one = {name: values[0] for name, values in given.items()}
    refuse(given, _NOT_DONE, ["false"])
    for name in _ALWAYS:
        if not truth(one.get(name, "true"), name):
            raise unsupported(name, "can't be false: all text here is punctuated")
    found = Plan()
    asked = _MODELS if _MODELS in one else _MODEL
    # Of several, the first one is preferred.
    if asked in one and one[asked] not in MODELS:
        found.put(MODEL, one[asked], asked)
    if AUDIO_URL in one:
        found.put(SOURCE_URL, one[AUDIO_URL], AUDIO_URL)
    _plan_language(given, found)
    _plan_speakers(one, found)
    terms = [term for name in _TERMS for term in given.get(name, ())]
    if terms:
        found.put("hotwords", ", ".join(terms), next(name for name in _TERMS if name in given))
    for name in ("prompt", "temperature"):
        if name in one:
            found.put(name, one[name], name)
    return found


def _plan_language(given: Given, found: Plan) -> None:
    detect = truth(given.get("language_detection", ["false"])[0], "language_detection")
    for name in ("language_code", "language_codes"):
        values = given.get(name, ())
        if len(values) > 1:
            raise unsupported(name, "can have one language. With none it is found out")
        if values and detect:
            raise InvalidParameterError(
                f"{name} and language_detection say two things. Leave one out.", param=name
            )
        if values:
            language = plain_language(values[0])
            if found.fields.get("language", language) != language:
                raise InvalidParameterError(
                    "language_code and language_codes name different ones. Leave one out.",
                    param=name,
                )
            found.put("language", language, name)


def _plan_speakers(one: Mapping[str, str], found: Plan) -> None:
    labels = truth(one.get("speaker_labels", "false"), "speaker_labels")
    if labels:
        found.put("diarize", "true", "speaker_labels")
        found.diarized = True
    for name, ours in _SPEAKERS.items():
        if name in one:
            if not labels:
                raise InvalidParameterError(
                    f"{name} is for speaker_labels=true, which isn't there.", param=name
                )
            found.put(ours, one[name], name)
    if any(truth(one.get(name, "false"), name) for name in _CHANNELS):
        found.put("channels", "split", next(name for name in _CHANNELS if name in one))


def upload_name(request: Request, url: str) -> str | None:
    """Return the name of the recording that an address of this server stands for.

    Any other address is where a recording is to be fetched from.

    Raises:
        InvalidParameterError: It is no address.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidParameterError(f"{AUDIO_URL}: this is no address.", param=AUDIO_URL) from None
    folder, _, name = parts.path.rpartition("/")
    return name if parts.netloc == request.url.netloc and folder == UPLOAD else None


class StoredRecording:
    """A recording that is in the store already, as a submission.

    Args:
        store: Has it.
        path: Where.
        fields: What is asked about it.
    """

    def __init__(self, store: ObjectStore, path: str, fields: Sequence[TextField]) -> None:
        self._store = store
        self._path = path
        self._events: list[FormEvent] = [*fields, FileStart(FILE_FIELD, "", "")]

    async def next_event(self) -> FormEvent | None:
        """Return the next event, or None at the end."""
        return self._events.pop(0) if self._events else None

    def file_data(self) -> AsyncIterator[bytes]:
        """Yield the recording, piece by piece."""
        return self._store.stream(self._path)
