"""What the documentation says of the form with which a recording is sent, and of its headers.

Loaded with the documentation alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dalston.common.models import Retention
from dalston.gateway.openai.wishes import DIARIZED, FORMATS, known_fields, plain_name

_OPTIONS: Mapping[str, tuple[dict[str, Any], str]] = {
    "source_url": ({"type": "string", "format": "uri"}, "Where it is, in place of `file`."),
    "pipeline": (
        {"type": "string", "examples": ["default"]},
        "Name of a pipeline; the server's default if left out.",
    ),
    "language": (
        {"type": "string", "examples": ["en"]},
        "ISO 639 code, also with a region (en-US), or English name; detected if left out.",
    ),
    "language_detection": (
        {"enum": ["recording", "chunk"]},
        "Detect the language once, on the first speech, or in each chunk, if several are spoken.",
    ),
    "diarize": ({"type": "boolean"}, "Find out who speaks when."),
    "num_speakers": ({"type": "integer"}, "How many people speak, if that is known."),
    "min_speakers": ({"type": "integer"}, "How many people speak at least."),
    "max_speakers": ({"type": "integer"}, "How many people speak at most."),
    "channels": (
        {"enum": ["mix", "split"]},
        "With split each channel is transcribed alone and is a speaker.",
    ),
    "task": (
        {"enum": ["transcribe", "translate"]},
        "With translate the text is English, whatever is spoken.",
    ),
    "prompt": ({"type": "string"}, "Text that the recording may continue."),
    "hotwords": ({"type": "string"}, "Names and terms to expect, separated by commas."),
    "beam_size": ({"type": "integer"}, "How many hypotheses are followed."),
    "temperatures": (
        {"type": "string", "examples": ["0,0.4,0.8"]},
        "Tried one after the other while the text repeats itself or is improbable.",
    ),
    "drop_doubtful_text": (
        {"type": "boolean"},
        "Leave out text over silence or music, and text that repeats itself.",
    ),
}
"""The form's fields besides the file: a schema and what they are for."""

_WISHES: Mapping[str, tuple[dict[str, Any], str]] = {
    "deadline_seconds": (
        {"type": "number"},
        "How long the job may take, from 1 to 10,000,000; it then fails with deadline_exceeded.",
    ),
    "retention": (
        {"enum": [kind.value for kind in Retention]},
        "What is deleted of the job after its end; the server's default if left out.",
    ),
    "retention_days": (
        {"type": "number"},
        "How many days after its end, from 0 to 100,000; the server's default if left out.",
    ),
    "callback_url": (
        {"type": "string", "maxLength": 2048},
        "Who is told when the job has ended; see webhooks.",
    ),
}
"""What is asked of a job beside its transcript."""

_OPENAI: Mapping[str, tuple[dict[str, Any], str]] = {
    "model": ({"type": "string", "examples": ["whisper-1"]}, "A name of GET /v1/models."),
    "response_format": ({"enum": [*FORMATS, DIARIZED]}, "How the transcript is to look."),
    "timestamp_granularities[]": (
        {"type": "array", "items": {"enum": ["segment", "word"]}},
        "Which times a verbose_json has.",
    ),
    "stream": ({"type": "boolean"}, "Send the text while it is written."),
    "temperature": ({"type": "number"}, "How freely words are chosen; 0 leaves it to the engine."),
    "chunking_strategy": ({"type": "string"}, "auto or server_vad: both cut in pauses."),
    "keywords[]": ({"type": "array", "items": {"type": "string"}}, "Words to expect."),
    "languages[]": ({"type": "array", "items": {"type": "string"}}, "The language, as a list."),
    "known_speaker_names[]": (
        {"type": "array", "items": {"type": "string"}},
        "Refused: no engine here knows voices.",
    ),
    "known_speaker_references[]": (
        {"type": "array", "items": {"type": "string"}},
        "Likewise.",
    ),
    "include[]": ({"type": "array", "items": {"enum": ["logprobs"]}}, "No engine here has these."),
}
"""OpenAI's fields, with which the answer is the transcript."""

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Your name for this submission: sent again within 24 hours, it is the same job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "respond-async: answer with the job, whatever the form says. "
    "cancel-on-disconnect: stop the job a minute after the client has gone away.",
    "schema": {"type": "string"},
}


def submission(*, translate: bool) -> dict[str, Any]:
    """Return what an operation that takes a recording is sent.

    Args:
        translate: Whether it is the one that answers in English, which has fewer fields.
    """
    known = known_fields(translate=translate)
    openai = {name: told for name, told in _OPENAI.items() if plain_name(name) in known}
    if translate:
        openai["response_format"] = ({"enum": [*FORMATS]}, _OPENAI["response_format"][1])
    told = {**_OPTIONS, **_WISHES, **openai}
    recording = {
        "type": "string",
        "format": "binary",
        "description": "The recording, in any common container and codec.",
    }
    properties = {name: {**schema, "description": about} for name, (schema, about) in told.items()}
    form = {"type": "object", "properties": {"file": recording, **properties}}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "parameters": [_IDEMPOTENCY_KEY, _PREFER],
    }
