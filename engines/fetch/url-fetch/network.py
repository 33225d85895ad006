"""The connections of one download: only to addresses that were checked, and to their very end.

The streams are those of httpcore but for two things: whatever TLS finds wrong is an error of the
network, at any time; and a connection that is cut off is no end of a recording. Without a length
nothing else tells the two apart (RFC 8446, 6.1).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.abc
import httpcore
from anyio.streams.tls import TLSStream

from dalston.engine_sdk.addresses import CalledUrl, resolve


class PermittedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were found and checked, whatever a name means later.

    Args:
        called: What is called; TLS is asked for its host all the same.
        allow_private: Whether that may be in a private network or on this machine.
        begun: Is told when there is a connection.
    """

    def __init__(
        self, called: CalledUrl, *, allow_private: bool, begun: Callable[[], None]
    ) -> None:
        self._called = called
        self._allow_private = allow_private
        self._begun = begun

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - it is that of `called`
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - nobody asks for one
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers."""
        *others, last = await resolve(self._called, allow_private=self._allow_private)
        for address in others:
            try:
                stream = await _connect(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
            break
        else:
            stream = await _connect(last, port, timeout)
        self._begun()
        return stream

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - as httpcore calls it
        timeout: float | None = None,  # noqa: ARG002 - likewise
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing here is called by a path."""
        raise httpcore.ConnectError("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


async def _connect(address: str, port: int, timeout: float | None) -> _Stream:
    with _named(httpcore.ConnectTimeout, httpcore.ConnectError), anyio.fail_after(timeout):
        return _Stream(await anyio.connect_tcp(address, port))


class _Stream(httpcore.AsyncNetworkStream):
    """A connection, with or without TLS."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return some bytes; none at the end that the server has said."""
        with _named(httpcore.ReadTimeout, httpcore.ReadError), anyio.fail_after(timeout):
            try:
                return await self._stream.receive(max_bytes)
            except anyio.EndOfStream:
                return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        with _named(httpcore.WriteTimeout, httpcore.WriteError), anyio.fail_after(timeout):
            await self._stream.send(buffer)

    async def aclose(self) -> None:
        """Close it at once: the server need not agree."""
        await anyio.aclose_forcefully(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Go on with TLS."""
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError), anyio.fail_after(timeout):
            encrypted = await TLSStream.wrap(
                self._stream,
                server_side=False,
                hostname=server_hostname,
                ssl_context=ssl_context,
                standard_compatible=True,
            )
        return _Stream(encrypted)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        """Tell nothing: one request is made, and HTTP/2 is not asked for."""


@contextmanager
def _named(timeout: type[Exception], other: type[Exception]) -> Iterator[None]:
    """Give errors the names that they have for httpcore."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
        raise other(str(error)) from error
    except anyio.EndOfStream as error:
        raise other("The server broke off.") from error
