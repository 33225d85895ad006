"""`/health`: whether this process lives; `/health/ready`: whether it can work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response

from dalston.common.queue import EngineInstance
from dalston.gateway.parts import Parts

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/health", tags=["health"])

_CHECK_SECONDS = 3.0
_STATES = ("ready", "loading", "failed")
"""Of an engine's instances, the first of these that any has is the engine's."""


@router.get("", summary="Whether the server lives")
async def alive() -> dict[str, str]:
    """Answer as long as the process can answer at all."""
    return {"status": "ok"}


@router.get(
    "/ready",
    summary="Whether the server can work",
    responses={503: {"description": "A part does not answer; `checks` says which"}},
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
