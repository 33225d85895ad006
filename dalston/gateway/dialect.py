"""How another vendor's clients show their key, and how they read an error.

Which of them a request is from is said by its path, before anything else of it is looked at. What
knows a vendor is in `dalston.gateway.dialects`; nothing else asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from dalston.common.errors import DalstonError

_STATE = "dialect"


@dataclass(frozen=True)
class Dialect:
    """A vendor's manner, on the vendor's paths.

    Attributes:
        paths: Each stands for itself and for all below it.
        credentials: Returns what a request shows of keys, each as the value that the header
            `Authorization` has in our own manner.
        error_body: Returns the JSON of an error; gets its request's id.
        status_of: Returns the HTTP status of an error.
    """

    paths: tuple[str, ...]
    credentials: Callable[[Headers], Sequence[str]]
    error_body: Callable[[DalstonError, str | None], Any]
    status_of: Callable[[DalstonError], int]

    def is_spoken_at(self, path: str) -> bool:
        """Tell whether a path is one of the vendor's."""
        return any(path == one or path.startswith(f"{one}/") for one in self.paths)


class Dialects:
    """Notes in a request's state whose manner it has.

    Args:
        app: Gets every request.
        dialects: All that are known.
    """

    def __init__(self, app: ASGIApp, dialects: Sequence[Dialect]) -> None:
        self._app = app
        self._dialects = dialects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            for dialect in self._dialects:
                if dialect.is_spoken_at(scope["path"]):
                    scope.setdefault("state", {})[_STATE] = dialect
        await self._app(scope, receive, send)


def dialect_of(request: Request) -> Dialect | None:
    """Return the manner of a request; None is our own and OpenAI's."""
    found: Dialect | None = getattr(request.state, _STATE, None)
    return found
