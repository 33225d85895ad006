"""How long a server that is away is asked again, whoever asks it."""

from __future__ import annotations

import asyncio
import time

from dalston.client.errors import TOO_BUSY, RefusedError, UnreachableError

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
"""How long a request waits that nobody answered, or whose refusal does not say so."""
_MOST_BREAKS = 10
"""How many broken connections show that the server is there, though none of them held."""


class Patience:
    """A minute, from when the server was first seen to be away."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._breaks = 0

    def over(self, *, broke: bool = False) -> bool:
        """Note that the server is away, and tell whether it has been for too long.

        Args:
            broke: Whether it was there, and the connection broke. An upload may have gone well for
                longer than a minute until then: patience begins anew, so many times.
        """
        now = time.monotonic()
        if broke and self._breaks < _MOST_BREAKS:
            self._breaks += 1
            self._end = None
        self._end = self._end or now + PATIENCE_SECONDS
        return now >= self._end

    def renew(self) -> None:
        """Note that the server is there."""
        self._end = None

    def bears(self, error: RefusedError) -> bool:
        """Tell whether a refusal may be over before patience is."""
        wait = error.retry_after or 0.0
        return error.status in TOO_BUSY and wait <= PATIENCE_SECONDS and not self.over()

    def pause_after(self, error: UnreachableError | RefusedError) -> float:
        """Note why a request was in vain; return the seconds after which it is made again.

        Raises:
            UnreachableError: The server has been away for too long.
            RefusedError: A later try would be refused too, or it has been busy for so long.
        """
        if isinstance(error, UnreachableError):
            if self.over(broke=error.broke):
                raise error
            return _PAUSE_SECONDS
        if not self.bears(error):
            raise error
        return max(_PAUSE_SECONDS, error.retry_after or 0.0)

    def require(self, why: str) -> None:
        """Note that the server is away.

        Raises:
            UnreachableError: It has been for too long.
        """
        if self.over():
            raise UnreachableError(why)


class Line:
    """Requests that a limit on requests holds up, one behind the other.

    Each would otherwise ask at the same moment as all others, and some would lose every time.
    """

    def __init__(self) -> None:
        self._head = asyncio.Lock()
        self._patience = Patience()

    async def join(self) -> None:
        """Wait behind those that wait already; a new request must not take their place."""
        async with self._head:
            return

    async def wait(self, refused: RefusedError) -> None:
        """Wait as long as a refused request is told to, once none is in front of it.

        Raises:
            RefusedError: For a minute none was let through.
        """
        if not self._patience.bears(refused):
            raise refused
        async with self._head:
            await asyncio.sleep(refused.retry_after or _PAUSE_SECONDS)

    def moved(self) -> None:
        """Note that a request was let through."""
        self._patience.renew()
