"""The error tree to HTTP: one envelope on every route.

`{"error": {"message", "type", "param", "code", "request_id"}}`, the shape that OpenAI's clients
parse. `code` is stable and listed in `docs/api.md`.
"""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from dalston.common.errors import (
    DalstonError,
    InvalidParameterError,
    MethodNotAllowedError,
    NotFoundError,
    UnavailableError,
)
from dalston.gateway.uploads import ClientGoneError

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CLIENT_CLOSED_REQUEST = 499
UNEXPECTED = DalstonError(
    "Something went wrong here, not with your request. Try again; if it stays, look for the "
    "request_id in the server's log."
)


def envelope(error: DalstonError, request_id: str | None) -> dict[str, Any]:
    """Return the body for an error."""
    client_side = error.http_status < 500  # noqa: PLR2004 - HTTP's own boundary
    return {
        "error": {
            "message": error.message,
            "type": "invalid_request_error" if client_side else "server_error",
            "param": error.param,
            "code": error.code,
            "request_id": request_id,
        }
    }


def respond(
    request: Request, error: DalstonError, headers: dict[str, str] | None = None
) -> Response:
    """Return the response for an error."""
    request_id = getattr(request.state, "request_id", None)
    more = dict(headers or {})
    if isinstance(error, UnavailableError):
        more["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return JSONResponse(envelope(error, request_id), status_code=error.http_status, headers=more)


def add_error_handlers(app: FastAPI) -> None:
    """Have every error of an app answered in the envelope."""
    app.add_exception_handler(DalstonError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientGoneError, _on_client_gone)
    app.add_exception_handler(RedisError, _on_redis_error)


async def _on_our_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, DalstonError):
        raise error
    if error.http_status >= 500:  # noqa: PLR2004 - HTTP's own boundary
        log.error("request_failed", code=error.code, reason=repr(error.__cause__))
    return respond(request, error)


async def _on_invalid_parameter(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first.get("loc") else None
    return respond(request, InvalidParameterError(f"{name}: {first['msg']}.", param=name))


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == MethodNotAllowedError.http_status:
        known = MethodNotAllowedError(
            f"{request.method} is not for this path. The Allow header says what is; /docs lists "
            f"all routes."
        )
        return respond(request, known, {"Allow": ", ".join(_methods_of(request))})
    return respond(request, NotFoundError("There is nothing here. /docs lists all routes."))


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
    log.error("redis_unavailable", reason=repr(error))
    return respond(request, UnavailableError("Redis can't be used now. Try again later."))
