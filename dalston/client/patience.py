"""How long a server that is away is asked again, whoever asks it."""

from __future__ import annotations

import time

from dalston.client.errors import TOO_BUSY, RefusedError, UnreachableError

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

    def bears(self, error: RefusedError) -> bool:
        """Tell whether a refusal may be over before patience is."""
        wait = error.retry_after or 0.0
        return error.status in TOO_BUSY and wait <= PATIENCE_SECONDS and not self.over()

    def require(self, why: str) -> None:
        """Note that the server is away.

        Raises:
            UnreachableError: It has been for too long.
        """
        if self.over():
            raise UnreachableError(why)
