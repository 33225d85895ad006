"""What a route of the API is: one method of one path, and what may stand behind its `?`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from types import EllipsisType
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dalston.common.access import Scope as KeyScope
from dalston.common.errors import (
    InsufficientScopeError,
    InvalidParameterError,
    MethodNotAllowedError,
)
from dalston.gateway.authentication import caller_of

_NUMBERS = {int: re.compile("[0-9]{1,9}"), float: re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")}
_LONGEST_ECHO = 60
"""Characters of an unknown name that an error repeats."""


class Parameters(msgspec.Struct, frozen=True):
    """What may stand behind the `?` of an address: here nothing.

    A field of a narrower class may be left out. Its description says what it must be, in errors
    and in the generated documentation.
    """


_Parameters = TypeVar("_Parameters", bound=Parameters)


class Operation(Route):
    """One method of one path.

    Its handler is called without the layers that Starlette puts around a function: they turn
    errors into answers, which is done once for the whole application.

    Args:
        method: `GET`, `POST` or `DELETE`.
        path: With its own parameters as in `/jobs/{job_id}`.
        handler: Gets the request and the parameters behind the `?`. Its name and its docstring
            stand in the generated documentation.
        parameters: What may stand behind the `?`; None lets anything stand there.
        scope: What a key must allow; by default `read` for GET and `submit` for the others. None
            is for what is public (`dalston.gateway.authentication.is_public`).
    """

    def __init__(
        self,
        method: str,
        path: str,
        handler: Callable[[Request, Any], Awaitable[Response]],
        parameters: type[Parameters] | None = Parameters,
        *,
        scope: KeyScope | EllipsisType | None = ...,
    ) -> None:
        super().__init__(path, handler, methods=[method])
        by_method = KeyScope.READ if method == "GET" else KeyScope.SUBMIT
        self.scope = by_method if isinstance(scope, EllipsisType) else scope
        self.method = method
        self.handler = handler
        self.parameters = parameters

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has this path.

        Raises:
            HTTPException: It has another method.
            InsufficientScopeError: The caller's key doesn't allow it.
            InvalidParameterError: What stands behind the `?` is not for this route.
        """
        if scope["method"] != self.method:
            raise HTTPException(MethodNotAllowedError.http_status)
        request = Request(scope, receive, send)
        if self.scope is not None and not caller_of(request).may(self.scope):
            raise InsufficientScopeError(
                f"Your API key doesn't have the scope '{self.scope}' that this needs. Use one "
                f"that has it; `dalston keys list` shows the scopes of each."
            )
        if self.parameters is None:
            parameters = Parameters()
        else:
            parameters = read_parameters(request, self.parameters)
        response = await self.handler(request, parameters)
        await response(scope, receive, send)


def read_parameters(request: Request, kind: type[_Parameters]) -> _Parameters:
    """Return what stands behind the `?`.

    Raises:
        InvalidParameterError: Names what is misspelt, there twice or wrong, and says what would be
            right.
    """
    if not request.scope["query_string"]:
        return kind()
    given: dict[str, str | float] = {}
    known = sorted(kind.__struct_fields__)
    for name, value in request.query_params.multi_items():
        if name not in known:
            shown = name[:_LONGEST_ECHO]
            raise InvalidParameterError(
                f"'{shown}' is no parameter of this address. Known parameters: "
                f"{', '.join(known) or 'none'}.",
                param=shown,
            )
        if name in given:
            raise InvalidParameterError(f"{name} is there twice. Send it once.", param=name)
        given[name] = value
    for name, number in _numbers(kind).items():
        if name in given and _NUMBERS[number].fullmatch(str(given[name])):
            given[name] = number(given[name])
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].removesuffix("`")
        raise InvalidParameterError(
            f"{name}: this must be {_description(kind, name)}.", param=name
        ) from None


@cache
def _numbers(kind: type[Parameters]) -> dict[str, type[int | float]]:
    hints = get_type_hints(kind).items()
    return {name: hint for name, hint in hints if hint in _NUMBERS}


def _description(kind: type[Parameters], name: str) -> str:
    annotated = get_type_hints(kind, include_extras=True)[name]
    [meta] = annotated.__metadata__
    return str(meta.description)
