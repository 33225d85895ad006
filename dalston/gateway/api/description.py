"""The generated documentation: what FastAPI makes of the operations.

Only who looks at the documentation loads this module: FastAPI and the shapes, which nothing else
needs, are a fifth of an idle gateway's memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from dalston import __version__
from dalston.common.formats import MEDIA_TYPES
from dalston.gateway.api.envelope import Responses, any_error, errors
from dalston.gateway.api.form import submission
from dalston.gateway.api.operations import Operation
from dalston.gateway.api.schemas import Health, Readiness
from dalston.gateway.api.v1 import webhook_shapes
from dalston.gateway.api.v1.schemas import CreateJobResponse, JobList, JobResponse, VersionList
from dalston.gateway.dialects.description import SCHEMES, error_model
from dalston.gateway.dialects.description import TOLD as TOLD_OF_DIALECTS
from dalston.gateway.errors import ERROR_HANDLERS

_ABOUT = """Turns recordings into transcripts, on your own machine.

Submit a recording, poll the job, read its transcript. Every error has the same envelope, and a
`code` that is listed in the documentation with what to do about it.
"""
_JOBS, _OPENAI_TAG, _HEALTH = ["transcriptions"], ["openai"], ["health"]
_FILES = sorted(MEDIA_TYPES.values())

_AUDIO = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("audio/*", "video/*", "application/octet-stream")
}
_EVENTS = {"text/event-stream": {"schema": {"type": "object", "description": "Each event."}}}
_RANGE = {
    "name": "Range",
    "in": "header",
    "required": False,
    "description": "One range of bytes, as `bytes=0-1023`; anything else stands for the whole.",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event that was heard: what follows it is sent.",
    "schema": {"type": "string"},
}
_KEYS = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "dk_…"}}
"""Needed as soon as the server has a key, and not before: hence optional."""
_SECURITY: list[dict[str, list[str]]] = [{"key": []}, {}]
_KEY_REFUSALS = {
    401: "No valid API key",
    403: "The API key doesn't have the scope",
    429: "A limit is reached; see Retry-After, RateLimit and RateLimit-Policy",
}
_RERUN = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["from_stage"],
                    "additionalProperties": False,
                    "properties": {
                        "from_stage": {
                            "type": "string",
                            "description": "The first stage that is done again.",
                            "examples": ["merge"],
                        },
                        "options": {
                            "type": "object",
                            "description": "Fields that change, as JSON; null takes one away.",
                        },
                    },
                }
            }
        },
    }
}
_REFUSALS = errors(
    {
        400: "The form or a parameter is wrong",
        408: "The body stopped arriving",
        409: "An engine can't do it as things are, or the job of this Idempotency-Key is deleted",
        413: "The upload is too large",
        415: "Not multipart/form-data",
        422: "This Idempotency-Key came with another content before",
        503: "A part does not answer now; see Retry-After",
    }
)
_WRONG_BODY = errors({400: "The body or an option is wrong", 413: "The body is too large"})
_ACCEPTED: Responses = {
    202: {
        "description": "Accepted; the work goes on without you",
        "headers": {
            "Location": {
                "description": "Where to ask for the job.",
                "schema": {"type": "string"},
                "example": "/v1/audio/transcriptions/job_3f9a1c0b7d2e",
            }
        },
    }
}
_ANSWERED = {
    200: {
        "description": "The transcript, as `response_format` and `stream` have it",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/plain": {"schema": {"type": "string"}},
            **_EVENTS,
        },
    },
}
_LATE = errors({504: "The job takes longer than a request may wait; it goes on"})
_WRONG_PARAMETER = errors({400: "A parameter is wrong"})
_CONFLICT = errors({409: "The job isn't in a state in which this can be done"})
_NOT_FOUND = errors({404: "No such job"})
_NOT_READY: Responses = {
    503: {"model": Readiness, "description": "A part does not answer; `checks` says which"}
}

_TOLD: dict[str, dict[str, Any]] = {
    "alive": {
        "summary": "Whether the server lives",
        "tags": _HEALTH,
        "response_model": Health,
    },
    "ready": {
        "summary": "Whether the server can work",
        "tags": _HEALTH,
        "response_model": Readiness,
        "responses": _NOT_READY,
    },
    "create_transcription": {
        "summary": "Submit a recording",
        "tags": _JOBS,
        "status_code": 202,
        "response_model": CreateJobResponse,
        "responses": _ACCEPTED | _ANSWERED | _REFUSALS | _LATE,
        "openapi_extra": submission(translate=False),
    },
    "create_translation": {
        "summary": "Transcribe a recording in English, whatever is spoken",
        "tags": _OPENAI_TAG,
        "response_model": None,
        "responses": _ANSWERED | _ACCEPTED | _REFUSALS | _LATE,
        "openapi_extra": submission(translate=True),
    },
    "list_models": {"summary": "List the names of models", "tags": _OPENAI_TAG},
    "read_model": {
        "summary": "Read the name of a model",
        "tags": _OPENAI_TAG,
        "responses": errors({404: "No such model"}),
    },
    "export_transcription": {
        "summary": "Read a transcript as a file",
        "tags": _JOBS,
        "responses": {
            200: {
                "description": "The file",
                "content": {kind: {"schema": {"type": "string"}} for kind in _FILES},
            },
            **errors({409: "The job has no transcript"}),
        }
        | _WRONG_PARAMETER
        | _NOT_FOUND,
    },
    "read_audio": {
        "summary": "Read a job's recording",
        "tags": _JOBS,
        "responses": {
            200: {"description": "The recording", "content": _AUDIO},
            206: {"description": "The part of it that Range names", "content": _AUDIO},
            **errors({410: "The recording is not kept any more", 416: "It ends before the Range"}),
        }
        | _NOT_FOUND,
        "openapi_extra": {"parameters": [_RANGE]},
    },
    "follow_transcription": {
        "summary": "Follow a job, as server-sent events",
        "tags": _JOBS,
        "responses": {
            200: {
                "description": "Events `status`, `progress` and `segment`, until the job ends",
                "content": _EVENTS,
            },
            204: {"description": "The job has ended, and Last-Event-ID says that this was heard"},
        }
        | _NOT_FOUND,
        "openapi_extra": {"parameters": [_LAST_EVENT_ID]},
    },
    "list_transcriptions": {
        "summary": "List jobs, newest first",
        "tags": _JOBS,
        "response_model": JobList,
        "responses": _WRONG_PARAMETER,
    },
    "read_transcription": {
        "summary": "Read a job and its transcript",
        "tags": _JOBS,
        "response_model": JobResponse,
        "response_model_exclude_unset": True,
        "responses": _WRONG_PARAMETER | _NOT_FOUND,
    },
    "cancel_transcription": {
        "summary": "Stop a job",
        "tags": _JOBS,
        "response_model": CreateJobResponse,
        "responses": _NOT_FOUND | _CONFLICT,
    },
    "retry_transcription": {
        "summary": "Have a failed or cancelled job go on",
        "tags": _JOBS,
        "status_code": 202,
        "response_model": CreateJobResponse,
        "responses": _ACCEPTED | _NOT_FOUND | _CONFLICT,
    },
    "rerun_transcription": {
        "summary": "Do a stage and all after it again",
        "tags": _JOBS,
        "status_code": 202,
        "response_model": CreateJobResponse,
        "responses": _ACCEPTED | _NOT_FOUND | _CONFLICT | _WRONG_BODY,
        "openapi_extra": _RERUN,
    },
    "list_versions": {
        "summary": "List the versions of a job",
        "tags": _JOBS,
        "response_model": VersionList,
        "response_model_exclude_unset": True,
        "responses": _NOT_FOUND,
    },
    "delete_transcription": {
        "summary": "Cancel and delete a job",
        "tags": _JOBS,
        "status_code": 204,
        "responses": _NOT_FOUND,
    },
}
"""What the documentation says of an operation, by the name of its handler."""


def describe(operations: Iterable[Operation]) -> FastAPI:
    """Return an application that serves the documentation of the operations, and nothing else."""
    app: FastAPI = FastAPIOffline(
        title="Dalston",
        version=__version__,
        description=_ABOUT,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers=ERROR_HANDLERS,
    )
    for operation in operations:
        told = dict((_TOLD | webhook_shapes.TOLD | TOLD_OF_DIALECTS)[operation.name])
        model = error_model(operation.path)
        parameters = [*_path_parameters(operation), *_query_parameters(operation)]
        if operation.scope is not None:
            told["responses"] = errors(_KEY_REFUSALS, model) | told.get("responses", {})
            told["openapi_extra"] = {"security": _SECURITY} | told.get("openapi_extra", {})
        parameters += told.get("openapi_extra", {}).get("parameters", [])
        told["openapi_extra"] = told.get("openapi_extra", {}) | {"parameters": parameters}
        told["responses"] = any_error(model) | told.get("responses", {})
        app.add_api_route(
            operation.path,
            _unused,
            methods=[operation.method],
            name=operation.name,
            description=operation.handler.__doc__,
            **told,
        )
    app.openapi()["components"]["securitySchemes"] = {**_KEYS, **SCHEMES}
    return app


async def _unused() -> None:
    """Stand in for a handler, which FastAPI is not to take apart."""


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in operation.param_convertors
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.parameters is None:
        return []
    _, components = msgspec.json.schema_components(
        [operation.parameters], ref_template="#/components/schemas/{name}"
    )
    fields = components[operation.parameters.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in fields.items()
    ]
