"""The pages of the generated documentation, which is made when somebody first asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dalston.gateway.api.operations import Operation

_PATHS = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs/{path:path}")
_OF_OUR_ROUTER = ("app", "router", "route", "endpoint", "path_params")


def documentation(operations: Sequence[Operation]) -> list[Route]:
    """Return the routes of the pages that describe some operations."""
    pages = _Pages(operations)
    return [Route(path, pages, methods=["GET"]) for path in _PATHS]


class _Pages:
    """An ASGI application that is imported at its first request, beside the others' requests."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        own = {name: value for name, value in scope.items() if name not in _OF_OUR_ROUTER}
        await self._app(own, receive, send)

    def _make(self) -> ASGIApp:
        from dalston.gateway.api.description import describe  # noqa: PLC0415 - see there

        return describe(self._operations)
