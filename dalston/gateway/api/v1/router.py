"""All routes of version 1."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from dalston.common.errors import InvalidParameterError
from dalston.gateway.api.envelope import ANY_ERROR
from dalston.gateway.api.v1 import transcription


async def only_known_parameters(request: Request) -> None:
    """Refuse a parameter in the address that its route doesn't know, such as a misspelt one.

    Raises:
        InvalidParameterError: Names it, and those that are known.
    """
    known = sorted(field.alias for field in request.scope["route"].dependant.query_params)
    for name in request.query_params:
        if name not in known:
            raise InvalidParameterError(
                f"'{name[:60]}' is no parameter of this address. "
                f"Known parameters: {', '.join(known) or 'none'}.",
                param=name[:60],
            )


router = APIRouter(dependencies=[Depends(only_known_parameters)], responses=ANY_ERROR)
router.include_router(transcription.router)
