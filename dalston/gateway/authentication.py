"""Nothing of a request is read before it is known who sends it and whether they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dalston.common.access import Caller
from dalston.common.errors import DalstonError, UnavailableError
from dalston.gateway.dialect import dialect_of
from dalston.gateway.errors import respond
from dalston.gateway.services.access import Access
from dalston.gateway.services.foreign_pages import refuse_foreign_pages
from dalston.gateway.services.quotas import Quota, RequestCounter, headers_for

PUBLIC = frozenset({"/health", "/health/ready", "/docs", "/redoc", "/openapi.json"})
"""What anybody may ask: whether the server lives and works, how it is talked to, and nothing about
anyone. A browser shows the documentation, and can send no key."""
PUBLIC_FOLDER = "/static-offline-docs/"
"""What the pages of the documentation are made of."""


def is_public(path: str) -> bool:
    """Tell whether anybody may ask for a path."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDER)


class Authentication:
    """Lets a request through that comes with a valid key, with its caller in the state.

    Args:
        app: What a request is let through to.
        access: Knows the keys.
        requests: Counts requests, where there is a limit on them.
    """

    def __init__(self, app: ASGIApp, access: Access, requests: RequestCounter) -> None:
        self._app = app
        self._access = access
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            request.state.caller = caller = await known_caller(request, self._access)
            request.state.quotas = quotas = await self._requests.count(caller)
        except DalstonError as error:
            await respond(request, error)(scope, receive, send)
            return

        async def send_with_quotas(message: Message) -> None:
            if message["type"] == "http.response.start" and quotas:
                # Beside what an error says of the limit that it is about: both are lists.
                for name, value in headers_for(quotas).items():
                    MutableHeaders(scope=message).append(name, value)
            await send(message)

        await self._app(scope, receive, send_with_quotas)


async def known_caller(request: Request, access: Access) -> Caller:
    """Return who sends a request.

    Raises:
        InvalidKeyError: Its key is not valid, or it has none and needs one.
        DatabaseUnavailableError: Nobody can tell.
    """
    dialect, headers = dialect_of(request), request.headers
    own_way = None if dialect is None else dialect.credentials(headers)
    caller = await access.caller(headers.getlist("authorization") if own_way is None else own_way)
    if access.is_open:
        refuse_foreign_pages(request.headers, request.app.state.parts.cors_origins)
    return caller


def asking(request: Request) -> Callable[[], Awaitable[Caller]]:
    """Return what finds out who sends a request, however late in it that is asked for."""
    return partial(known_caller, request, request.app.state.access)


async def require_key(request: Request) -> None:
    """Refuse to go on with a request whose key has been revoked meanwhile.

    Raises:
        InvalidKeyError: It has.
    """
    # If nobody can tell now, the next look will.
    with suppress(UnavailableError):
        await known_caller(request, request.app.state.access)


def caller_of(request: Request) -> Caller:
    """Return who sends a request that was let through."""
    caller: Caller = request.state.caller
    return caller


def tell_quotas(request: Request, quotas: list[Quota]) -> None:
    """Have the answer to a request say more about what is left."""
    request.state.quotas.extend(quotas)
