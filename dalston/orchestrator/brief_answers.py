"""Connections on which a server may say little before its answer begins.

Before it, a server may send as many answers for the meantime (`103 Early Hints`) as it likes. Each
is read at once, in the loop that does everything else: a receiver that sends nothing else would
hold up the orchestrator.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

MOST_BYTES = 64 * 1024
"""Heads of answers are a hundredth of that. What comes behind the head isn't read at all."""


class BriefAnswers(httpcore.AsyncNetworkBackend):
    """Connects as httpcore does by itself, and reads so much of each connection and no more."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection."""
        return _Stream(
            await self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection, with or without TLS."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return some bytes.

        Raises:
            httpcore.ReadError: There have been too many.
        """
        if self._bytes >= MOST_BYTES:
            raise httpcore.ReadError("The answer doesn't begin.")
        found = await self._stream.read(min(max_bytes, MOST_BYTES), timeout)
        self._bytes += len(found)
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Go on with TLS."""
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        """Tell what the connection knows of itself."""
        return self._stream.get_extra_info(info)
