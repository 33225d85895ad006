"""The error tree to HTTP: one envelope on every route.

`{"error": {"message", "type", "param", "code", "request_id"}}`, the shape that OpenAI's clients
parse. `code` is stable and listed in `docs/api.md`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ExceptionHandler

from dalston.common.errors import (
    AudioLimitError,
    DalstonError,
    InsufficientScopeError,
    InvalidKeyError,
    LimitReachedError,
    MethodNotAllowedError,
    NotFoundError,
    UnavailableError,
)
from dalston.common.redis import in_words
from dalston.gateway.dialect import dialect_of
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.outcomes import RangeError
from dalston.gateway.services.quotas import headers_for, spent
from dalston.gateway.uploads import ClientGoneError

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5
JOB_ID_HEADER = "x-dalston-job-id"
"""On answers that a job was made for, and that don't show the job itself."""
_SERVER_SIDE = 500
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CLIENT_CLOSED_REQUEST = 499
UNEXPECTED = DalstonError(
    "Something went wrong here, not with your request. Try again; if it stays, look for the "
    "request_id in the server's log."
)


def envelope(error: DalstonError, request_id: str | None) -> dict[str, Any]:
    """Return the body for an error."""
    client_side = error.http_status < _SERVER_SIDE
    body = {
        "message": error.message,
        "type": "invalid_request_error" if client_side else "server_error",
        "param": error.param,
        "code": error.code,
        "request_id": request_id,
    }
    return {"error": body if error.job_id is None else body | {"job_id": error.job_id}}


def respond(
    request: Request, error: DalstonError, headers: dict[str, str] | None = None
) -> Response:
    """Return the response for an error."""
    request_id = getattr(request.state, "request_id", None)
    more = {**(headers or {}), **_headers_of(error)}
    if error.job_id is not None:
        more[JOB_ID_HEADER] = error.job_id
    in_vain = not error.retryable and error is not UNEXPECTED and _is_sent_again(error.http_status)
    # Those clients don't wait until midnight: they would send all of it at once, and again.
    if in_vain or isinstance(error, AudioLimitError):
        more["x-should-retry"] = "false"
    dialect = dialect_of(request)
    if dialect is not None:
        body = dialect.error_body(error, request_id)
        return JsonResponse(body, status_code=dialect.status_of(error), headers=more)
    return JsonResponse(envelope(error, request_id), status_code=error.http_status, headers=more)


def _is_sent_again(status: int) -> bool:
    """Tell whether OpenAI's clients take a status for a reason to send all of it again."""
    return status == HTTPStatus.CONFLICT or status >= _SERVER_SIDE


def _headers_of(error: DalstonError) -> dict[str, str]:
    match error:
        case UnavailableError():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case LimitReachedError():
            return {"Retry-After": str(error.retry_after), **headers_for([spent(error)])}
        case RangeError():
            return {"Content-Range": f"bytes */{error.size}"}
        case InvalidKeyError():
            return {"WWW-Authenticate": "Bearer"}
        case InsufficientScopeError():
            return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
        case _:
            return {}


async def _on_our_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, DalstonError):
        raise error
    if error.http_status >= _SERVER_SIDE:
        log.error("request_failed", code=error.code, **_known_of(error))
    return respond(request, error)


def _known_of(error: DalstonError) -> dict[str, str]:
    """Return what the log says of an error beside its code, as far as there is something to say."""
    known = {} if error.job_id is None else {"job_id": error.job_id}
    # Not the message: that of a failed job is an engine's, and may be of the recording.
    return known if error.__cause__ is None else known | {"reason": repr(error.__cause__)}


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == MethodNotAllowedError.http_status:
        known = MethodNotAllowedError(
            f"{request.method} is not for this path. The Allow header says what is; /docs lists "
            f"all routes."
        )
        return respond(request, known, {"Allow": ", ".join(_methods_of(request))})
    path = f"/v1{request.scope['path']}"
    hint = ""
    if _is_route(request, path):
        hint = f" Did you mean {path}? OpenAI's clients want a base URL that ends in /v1."
    return respond(request, NotFoundError(f"There is nothing here.{hint} /docs lists all routes."))


def _is_route(request: Request, path: str) -> bool:
    asked = {name: request.scope[name] for name in ("type", "method", "root_path", "headers")}
    return any(
        route.matches({**asked, "path": path})[0] is Match.FULL for route in request.app.routes
    )


def _methods_of(request: Request) -> list[str]:
    """Return all that a path is for; the exception knows only the first route of it."""
    # Not the whole scope: what the first matching left in it would decide this one.
    asked = {name: request.scope[name] for name in ("type", "path", "root_path", "headers")}
    methods = [
        method
        for method in _METHODS
        if any(
            route.matches({**asked, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return ["GET", "HEAD", *methods[1:]] if methods[:1] == ["GET"] else methods


async def _on_client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _on_redis_error(request: Request, error: Exception) -> Response:
    log.error("redis_unavailable", reason=in_words(error))
    return respond(request, UnavailableError("Redis can't be used now. Try again later."))


ERROR_HANDLERS: dict[type[Exception], ExceptionHandler] = {
    DalstonError: _on_our_error,
    HTTPException: _on_http_error,
    ClientGoneError: _on_client_gone,
    RedisError: _on_redis_error,
}
"""How an application answers its errors, each in the envelope."""
