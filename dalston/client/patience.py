"""How long a server that is away is asked again, whoever asks it."""

from __future__ import annotations

import time

from dalston.client.errors import UnreachableError

PATIENCE_SECONDS = 60.0


class Patience:
    """A minute, from when the server was first seen to be away."""

    def __init__(self) -> None:
        self._end: float | None = None

    def over(self) -> bool:
        """Note that the server is away, and tell whether it has been for too long."""
        now = time.monotonic()
        self._end = self._end or now + PATIENCE_SECONDS
        return now >= self._end

    def require(self, why: str) -> None:
        """Note that the server is away.

        Raises:
            UnreachableError: It has been for too long.
        """
        if self.over():
            raise UnreachableError(why)
