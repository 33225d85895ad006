"""What the generated documentation says of other vendors' routes.

Loaded with the documentation alone. What the fields may be is said by the vendors; which of them
this server knows stands in `docs/clients/dialects.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from dalston.gateway.api.envelope import Envelope, errors
from dalston.gateway.dialects import assemblyai, deepgram, elevenlabs

_MESSAGE = "seed asks for what nothing here can do. Leave it out, or change it."
_REQUEST_ID = "req_0a1b2c3d4e5f6071"
_DETAIL: JsonDict = {
    "detail": {
        "type": "invalid_request_error",
        "code": "unsupported_value",
        "status": "unsupported_value",
        "message": _MESSAGE,
        "param": "seed",
        "request_id": _REQUEST_ID,
    }
}
_ERR: JsonDict = {
    "err_code": "unsupported_value",
    "err_msg": _MESSAGE,
    "param": "seed",
    "request_id": _REQUEST_ID,
}
_ERROR: JsonDict = {
    "error": _MESSAGE,
    "code": "unsupported_value",
    "param": "seed",
    "request_id": _REQUEST_ID,
}


class ElevenLabsDetail(BaseModel):
    """What is wrong."""

    type: str
    code: str = Field(description="Stable, for programs; listed in docs/api.md.")
    status: str = Field(description="The same.")
    message: str = Field(description="For people: what is wrong and what to do.")
    param: str | None
    request_id: str


class ElevenLabsError(BaseModel):
    """An error as ElevenLabs' clients read it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAIL]})

    detail: ElevenLabsDetail


class DeepgramError(BaseModel):
    """An error as Deepgram's clients read it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ERR]})

    err_code: str = Field(description="Stable, for programs; listed in docs/api.md.")
    err_msg: str = Field(description="For people: what is wrong and what to do.")
    param: str | None
    request_id: str


class AssemblyAIError(BaseModel):
    """An error as AssemblyAI's clients read it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ERROR]})

    error: str = Field(description="For people: what is wrong and what to do.")
    code: str = Field(description="Stable, for programs; listed in docs/api.md.")
    param: str | None
    request_id: str


_ELEVENLABS, _DEEPGRAM, _ASSEMBLYAI = ["elevenlabs"], ["deepgram"], ["assemblyai"]
SCHEMES: Mapping[str, dict[str, Any]] = {
    "xi-api-key": {"type": "apiKey", "in": "header", "name": "xi-api-key"},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Deepgram: `Token` and the key. AssemblyAI: the key alone.",
    },
}
_XI_KEY: list[dict[str, list[str]]] = [{"xi-api-key": []}, {"key": []}, {}]
_TOKEN: list[dict[str, list[str]]] = [{"token": []}, {"key": []}, {}]
_MODELS_OF_ERRORS = (
    (elevenlabs.DIALECT, ElevenLabsError),
    (deepgram.DIALECT, DeepgramError),
    (assemblyai.DIALECT, AssemblyAIError),
)
_ANSWER = {
    200: {
        "description": "As the vendor's clients read it",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def error_model(path: str) -> type[BaseModel]:
    """Return the shape of errors on a path."""
    for dialect, model in _MODELS_OF_ERRORS:
        if dialect.is_spoken_at(path):
            return model
    return Envelope


def _refusals(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return errors(
        {
            400: "A field is wrong, or asks for what nothing here does; its name is in `param`",
            404: "There is no such model",
            413: "The upload is too large",
            424: "The job that was made has failed or takes longer than a request may wait; "
            "sending the recording again won't help",
        },
        model,
    )


def _not_found(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return errors({404: "No such job"}, model)


def _text_fields(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"type": "string"} for name in names}


_RAW = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}}
                    | _text_fields(elevenlabs.FIELDS),
                }
            }
        },
    },
    "security": _XI_KEY,
}
_LISTEN = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": _RAW,
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {"url": {"type": "string"}},
                }
            },
        },
    },
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
        for name in deepgram.PARAMETERS
    ],
    "security": _TOKEN,
}
_UPLOAD = {
    "requestBody": {"required": True, "content": {"application/octet-stream": _RAW}},
    "security": _TOKEN,
}
_CREATE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": [assemblyai.AUDIO_URL],
                    "properties": {assemblyai.AUDIO_URL: {"type": "string"}},
                }
            }
        },
    },
    "security": _TOKEN,
}


def _captions(name: str, kind: str) -> dict[str, Any]:
    return {
        "summary": f"Read a transcript as {name}",
        "tags": _ASSEMBLYAI,
        "responses": {
            200: {"description": "Subtitles", "content": {kind: {"schema": {"type": "string"}}}}
        }
        | _not_found(AssemblyAIError),
        "openapi_extra": {"security": _TOKEN},
    }


def _of_assemblyai(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": _ASSEMBLYAI,
        "response_model": None,
        "responses": _ANSWER | _not_found(AssemblyAIError),
        "openapi_extra": {"security": _TOKEN},
    }


TOLD: dict[str, dict[str, Any]] = {
    "convert_speech_to_text": {
        "summary": "Transcribe a recording, as ElevenLabs does",
        "tags": _ELEVENLABS,
        "response_model": None,
        "responses": _ANSWER | _refusals(ElevenLabsError),
        "openapi_extra": _FORM,
    },
    "read_speech_to_text": {
        "summary": "Read a transcript, as ElevenLabs has it",
        "tags": _ELEVENLABS,
        "response_model": None,
        "responses": _ANSWER | _not_found(ElevenLabsError),
        "openapi_extra": {"security": _XI_KEY},
    },
    "delete_speech_to_text": {
        "summary": "Delete a transcript and its job",
        "tags": _ELEVENLABS,
        "response_model": None,
        "responses": _ANSWER | _not_found(ElevenLabsError),
        "openapi_extra": {"security": _XI_KEY},
    },
    "listen": {
        "summary": "Transcribe a recording, as Deepgram does",
        "tags": _DEEPGRAM,
        "response_model": None,
        "responses": _ANSWER | _refusals(DeepgramError),
        "openapi_extra": _LISTEN,
    },
    "upload": {
        "summary": "Upload a recording, as for AssemblyAI",
        "tags": _ASSEMBLYAI,
        "response_model": None,
        "responses": _ANSWER | errors({413: "The upload is too large"}, AssemblyAIError),
        "openapi_extra": _UPLOAD,
    },
    "create_transcript": {
        "summary": "Have a recording transcribed that was uploaded",
        "tags": _ASSEMBLYAI,
        "response_model": None,
        "responses": _ANSWER | _refusals(AssemblyAIError),
        "openapi_extra": _CREATE,
    },
    "list_transcripts": _of_assemblyai("List transcripts, newest first"),
    "read_transcript": _of_assemblyai("Read a transcript, as AssemblyAI has it"),
    "delete_transcript": _of_assemblyai("Delete a transcript and its job"),
    "read_sentences": _of_assemblyai("Read the segments of a transcript"),
    "read_paragraphs": _of_assemblyai("Read the paragraphs of a transcript"),
    "read_srt": _captions("SubRip", "application/x-subrip"),
    "read_vtt": _captions("WebVTT", "text/vtt"),
}
"""What the documentation says of an operation, by the name of its handler."""
