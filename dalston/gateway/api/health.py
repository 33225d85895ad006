"""`/health`: whether this process lives; `/health/ready`: whether it can work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog
from redis.exceptions import RedisError, ResponseError
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.access import Scope
from dalston.common.errors import DatabaseUnavailableError, StoreUnavailableError
from dalston.common.queue import EngineInstance
from dalston.common.redis import check, in_words
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.authentication import known_caller
from dalston.gateway.parts import Parts
from dalston.gateway.responses import JsonResponse

log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")
_CHECK_SECONDS = 3.0
_KNOWN_SECONDS = 1.0
_STATES = ("ready", "idle", "loading", "failed")
"""Of an engine's instances, the first of these that any has is the engine's."""
_given_up: set[asyncio.Task[Any]] = set()
"""Questions that nobody waits for any more: the event loop alone would forget them."""


class Checks:
    """Whether the parts answer. Anybody may ask, and however often: it is found out once a second.

    Args:
        parts: They are asked; the store has to write an object for it.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asking = asyncio.Lock()
        self._known_until = 0.0
        self._known: dict[str, dict[str, str]] = {}

    async def results(self) -> dict[str, dict[str, str]]:
        """Return what is known of each part."""
        async with self._asking:
            if time.monotonic() >= self._known_until:
                self._known = await self._ask()
                self._known_until = time.monotonic() + _KNOWN_SECONDS
            return self._known

    async def _ask(self) -> dict[str, dict[str, str]]:
        calls = {
            "database": self._parts.database.check(),
            "redis": check(self._parts.queue.redis),
            "store": self._parts.store.check(),
        }
        found = await asyncio.gather(*(_check(name, call) for name, call in calls.items()))
        return dict(zip(calls, found, strict=True))


async def alive(_request: Request, _parameters: Parameters) -> Response:
    """Answer as long as the process can answer at all."""
    return JsonResponse({"status": "ok"})


async def ready(request: Request, _parameters: Parameters) -> Response:
    """Ask database, Redis and store; to who may see jobs, say what the engines are doing too."""
    parts: Parts = request.app.state.parts
    checks: Checks = request.app.state.checks
    may_see, results = await asyncio.gather(_may_see(request), checks.results())
    ok = all(map(_is_ok, results.values()))
    body = {
        "status": "ready" if ok else "unavailable",
        "checks": results,
        # Redis has them: one that doesn't answer would keep who asks for seconds more.
        "engines": await _engines(parts) if may_see and _is_ok(results["redis"]) else {},
        "default_pipeline": parts.default_pipeline,
    }
    return JsonResponse(body, status_code=200 if ok else 503)


def _is_ok(result: dict[str, str]) -> bool:
    return result["status"] == "ok"


async def _may_see(request: Request) -> bool:
    """Tell whether somebody may know more than that the server works: engines' words have paths."""
    try:
        caller = await _in_time(known_caller(request, request.app.state.access))
    except Exception:  # noqa: BLE001 - whoever can't be told apart is nobody, and the checks say why
        return False
    return caller.may(Scope.READ) or caller.may(Scope.SUBMIT)


async def _check(name: str, call: Coroutine[Any, Any, object]) -> dict[str, str]:
    try:
        await _in_time(call)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part, it is not ready
        log.warning("not_ready", part=name, reason=in_words(error))
        return {"status": "unavailable", "message": _message(name, error)}
    return {"status": "ok"}


async def _in_time(call: Coroutine[Any, Any, _Result]) -> _Result:
    """Wait for a part, and not for its driver, which gives a dead connection up after seconds."""
    asked = asyncio.create_task(call)
    await asyncio.wait({asked}, timeout=_CHECK_SECONDS)
    if asked.done():
        return asked.result()
    asked.cancel()
    _given_up.add(asked)
    asked.add_done_callback(_forget)
    raise TimeoutError


def _forget(asked: asyncio.Task[Any]) -> None:
    _given_up.discard(asked)
    if not asked.cancelled():
        # Nobody else looks at how it ended.
        asked.exception()


def _message(name: str, error: Exception) -> str:
    """Return what anybody may know: not a driver's own words, which have addresses and names."""
    if isinstance(error, ResponseError):
        return (
            "Redis answers, but takes nothing: it is full, a replica, or can't save. The line "
            "not_ready in the gateway's log has its own words."
        )
    full = isinstance(error, StoreUnavailableError) and error.full
    # What no driver's error is behind has been found out by asking.
    found = isinstance(error, DatabaseUnavailableError) and error.__cause__ is None
    return str(error) if full or found else f"The {name} does not answer."


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
    if shown.code:
        body["code"] = shown.code
    if shown.progress is not None and shown.progress[1] > 0:
        body["progress"] = round(shown.progress[0] / shown.progress[1], 4)
    return body


OPERATIONS = (
    # Whatever stands behind the `?`: some who watch a server put something there.
    Operation("GET", "/health", alive, None, scope=None),
    Operation("GET", "/health/ready", ready, None, scope=None),
)
