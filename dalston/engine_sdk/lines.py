"""What a child process writes into its pipe, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_LINE_BYTES = 512 * 1024 * 1024
"""A message of a child may be this long: what was heard in many hours fits."""


class Lines(asyncio.Protocol):
    """Takes lines: kept until somebody asks, then delivered at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0
        self._kept: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._receive: Callable[[bytes | None], None] = self._kept.put_nowait

    async def next(self) -> bytes | None:
        """Return the next line that was kept; None at the end."""
        return await self._kept.get()

    def deliver(self, receive: Callable[[bytes | None], None]) -> None:
        """From now on call a function with each line, and with None at the end."""
        self._receive = receive
        while not self._kept.empty():
            receive(self._kept.get_nowait())

    def data_received(self, data: bytes) -> None:
        """Cut what has come into lines."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join((*self._parts, line)) if self._parts else line
            self._parts, self._length = [], 0
            self._receive(whole)
        if rest:
            self._parts.append(rest)
            self._length += len(rest)
            if self._length > _LINE_BYTES:
                self._parts, self._length = [], 0
                self._receive(b"too long to be read")

    def connection_lost(self, _error: Exception | None) -> None:
        """Pass on that nothing more comes."""
        self._receive(None)
