"""How long a store that doesn't answer is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from dalston.common.errors import StoreUnavailableError

log = structlog.get_logger(__name__)

STORE_PATIENCE_SECONDS = 60.0
"""For how long a store that doesn't answer is tried again."""
_LEAST_TRIES = 3
"""A store that takes requests and answers none uses up our patience with the first one."""
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

_Result = TypeVar("_Result")


async def patiently(call: Callable[[], Awaitable[_Result]]) -> _Result:
    """Try again while the store doesn't answer, for as long as our patience lasts.

    Raises:
        StoreUnavailableError: It did not answer for a minute, nor to three calls.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + STORE_PATIENCE_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    tries = 0
    while True:
        tries += 1
        try:
            return await call()
        except StoreUnavailableError as error:
            if loop.time() + pause > give_up_at and tries >= _LEAST_TRIES:
                raise
            log.warning("store_unavailable", reason=repr(error.__cause__), pause_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
