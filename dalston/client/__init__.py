"""A client of the HTTP API, for programs; the command line is made of its parts.

The package `dalston[client]` has what it needs. `docs/clients/python.md` shows how it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dalston.client.asynchronous import AsyncClient
    from dalston.client.errors import JobEndedError, RefusedError, UnreachableError
    from dalston.client.synchronous import Client
    from dalston.client.views import ProgressEvent, SegmentEvent, StatusEvent

__all__ = [
    "AsyncClient",
    "Client",
    "JobEndedError",
    "ProgressEvent",
    "RefusedError",
    "SegmentEvent",
    "StatusEvent",
    "UnreachableError",
]
_MODULES = {
    "AsyncClient": "asynchronous",
    "Client": "synchronous",
    "JobEndedError": "errors",
    "ProgressEvent": "views",
    "RefusedError": "errors",
    "SegmentEvent": "views",
    "StatusEvent": "views",
    "UnreachableError": "errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of a module
    """Load what is asked for: the command line starts faster without all of it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
