"""The load generator: as little of its own work as possible, so that the server's is seen.

HTTP/1.1 on kept connections, requests made ready beforehand, answers read by their
`Content-Length`. It reads JSON answers only, and asks nothing else of HTTP.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_BOUNDARY = "dalston-bench"


class LoadError(Exception):
    """A request failed, which a measurement must never hide."""


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of an answer."""

    status: int
    body: Any


class Connection:
    """One kept connection to a server.

    Args:
        url: The server's address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> Answer:
        """Send a whole request and return its answer.

        Raises:
            OSError: The connection could not be made, or broke.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = await reader.readexactly(length)
        return Answer(status, json.loads(body) if body else None)

    async def get(self, path: str) -> Answer:
        """Read a resource."""
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n"
        return await self.send(head.encode())

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def upload_request(url: str, path: str, audio: bytes) -> bytes:
    """Return a whole POST request with a recording in the form field `file`."""
    form = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="bench.wav"\r\n'
        f"Content-Type: audio/wav\r\n\r\n"
    ).encode()
    body = form + audio + f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


Submit = Callable[[Connection], Awaitable[str]]
"""Submits a job and returns where to read it."""
Collect = Callable[[Connection, str, float], Awaitable[None]]
"""Waits until a job is completed and reads its transcript; asks with a pause in seconds."""

SINGLE_PAUSE, MANY_PAUSE = 0.005, 0.02
"""With nothing else going on, asking often costs nobody anything; under load it would."""


async def one_by_one(url: str, count: int, submit: Submit, collect: Collect) -> list[float]:
    """Submit and collect jobs with nothing else going on; return the seconds of each."""
    connection = Connection(url)
    taken = []
    for _ in range(count):
        begin = time.perf_counter()
        await collect(connection, await submit(connection), SINGLE_PAUSE)
        taken.append(time.perf_counter() - begin)
    connection.close()
    return taken


async def all_at_once(
    url: str, count: int, submitters: int, submit: Submit, collect: Collect
) -> float:
    """Submit jobs from many clients as fast as each can; return jobs per second.

    The clock stops when every transcript has been read. One more client reads them, in the order
    of the submissions, so that waiting costs the server one request per job and a few more.
    """
    remaining = iter(range(count))
    submitted: asyncio.Queue[str] = asyncio.Queue()

    async def client() -> None:
        connection = Connection(url)
        for _ in remaining:
            submitted.put_nowait(await submit(connection))
        connection.close()

    async def reader() -> None:
        connection = Connection(url)
        for _ in range(count):
            await collect(connection, await submitted.get(), MANY_PAUSE)
        connection.close()

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        for _ in range(submitters):
            group.create_task(client())
    return count / (time.perf_counter() - begin)
