"""`/health`: whether this process lives; `/health/ready`: whether it can work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response

from dalston.common.queue import EngineInstance
from dalston.gateway.api.envelope import ANY_ERROR
from dalston.gateway.parts import Parts

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/health", tags=["health"], responses=ANY_ERROR)

_CHECK_SECONDS = 3.0
_STATES = ("ready", "loading", "failed")
"""Of an engine's instances, the first of these that any has is the engine's."""
_READY_EXAMPLE: JsonDict = {
    "status": "ready",
    "checks": {
        "database": {"status": "ok"},
        "redis": {"status": "ok"},
        "store": {"status": "ok"},
    },
    "engines": {"stub-transcriber": {"state": "ready", "slots": 1, "instances": 1}},
    "default_pipeline": "default",
}


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(examples=["ok"])


class Check(BaseModel):
    """Whether a part answers."""

    status: Literal["ok", "unavailable"]
    message: str | None = None


class EngineState(BaseModel):
    """What an engine is doing; `absent` means that nobody runs it."""

    state: Literal["ready", "loading", "failed", "absent"]
    slots: int = Field(description="Tasks that can be worked on at the same time.")
    instances: int
    message: str | None = None
    progress: float | None = Field(default=None, description="0 to 1, while it loads.")


class Readiness(BaseModel):
    """Whether the server can work."""

    model_config = ConfigDict(json_schema_extra={"examples": [_READY_EXAMPLE]})

    status: Literal["ready", "unavailable"]
    checks: dict[Literal["database", "redis", "store"], Check]
    engines: dict[str, EngineState]
    default_pipeline: str


@router.get("", summary="Whether the server lives")
async def alive() -> Health:
    """Answer as long as the process can answer at all."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Whether the server can work",
    response_model=Readiness,
    responses={
        503: {"model": Readiness, "description": "A part does not answer; `checks` says which"}
    },
)
async def ready(request: Request) -> Response:
    """Ask database, Redis and store, and say what the engines are doing."""
    parts: Parts = request.app.state.parts
    checks = {
        "database": parts.database.check(),
        "redis": parts.queue.redis.ping(),
        "store": parts.store.check(),
    }
    results = await asyncio.gather(*(_check(name, call) for name, call in checks.items()))
    ok = all(result["status"] == "ok" for result in results)
    body = {
        "status": "ready" if ok else "unavailable",
        "checks": dict(zip(checks, results, strict=True)),
        "engines": await _engines(parts),
        "default_pipeline": parts.default_pipeline,
    }
    return JSONResponse(body, status_code=200 if ok else 503)


async def _check(name: str, call: Awaitable[object]) -> dict[str, str]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await call
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part, it is not ready
        log.warning("not_ready", part=name, reason=repr(error))
        return {"status": "unavailable", "message": f"The {name} does not answer."}
    return {"status": "ok"}


async def _engines(parts: Parts) -> dict[str, dict[str, Any]]:
    ids = sorted(parts.catalog.engines)
    try:
        found = await parts.queue.instances(ids)
    except (RedisError, OSError):
        return {}
    return {engine_id: _engine(found[engine_id]) for engine_id in ids}


def _engine(instances: list[EngineInstance]) -> dict[str, Any]:
    if not instances:
        return {"state": "absent", "slots": 0, "instances": 0}
    shown = min(instances, key=lambda instance: _STATES.index(instance.state))
    body: dict[str, Any] = {
        "state": shown.state,
        "slots": sum(instance.slots for instance in instances),
        "instances": len(instances),
    }
    if shown.message:
        body["message"] = shown.message
    if shown.progress is not None and shown.progress[1] > 0:
        body["progress"] = round(shown.progress[0] / shown.progress[1], 4)
    return body
