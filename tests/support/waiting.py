"""Waiting for a described condition, so that no test sleeps for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_POLL_SECONDS = 0.02


def until(condition: Callable[[], Result | None], what: str, seconds: float = 60.0) -> Result:
    """Return the first truthy result of a condition.

    Args:
        condition: Asked again and again.
        what: Says what is waited for, for the failure.
        seconds: How long at most.

    Raises:
        AssertionError: It did not come true.
    """
    give_up_at = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > give_up_at:
            raise AssertionError(f"after {seconds} s still waiting for: {what}; last: {result!r}")
        time.sleep(_POLL_SECONDS)
