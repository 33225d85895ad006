"""The load generator, a process of its own: `python -m bench.load URL PATH STATUS BYTES`.

It does as little of its own as possible, so that the server's work is seen: HTTP/1.1 on kept
connections, one request made ready beforehand, answers read by their `Content-Length`. It is told
what to do by a line of JSON on its standard input, and answers with one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from bench.peers.process import read_line, running_module, write_line

_BOUNDARY = "dalston-bench"
_HEAD_END = b"\r\n\r\n"
_START_SECONDS = 30.0
_ANSWER_SECONDS = 180.0
_KEPT_SECONDS = 1.0
"""A connection that has been idle for longer may be closed by the server at any moment."""


@dataclass(frozen=True)
class Submitted:
    """What came of submitting jobs.

    Attributes:
        begin: When the first request was sent, in seconds of the system's monotonic clock.
        ids: Ids of the jobs that were accepted.
        milliseconds: How long each of them took to be accepted.
        errors: How often a request was refused or broke, by status or kind of error.
    """

    begin: float
    ids: list[str]
    milliseconds: list[float]
    errors: dict[str, int]


class Generator:
    """A running load generator, seen from outside."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    @property
    def process_id(self) -> int:
        """Its process."""
        return self._process.pid

    def submit(self, count: int, submitters: int) -> Submitted:
        """Have jobs submitted, by clients that each send the next one when one is accepted.

        Raises:
            MeasureError: The generator ended, or took too long.
        """
        write_line(self._process, [count, submitters])
        return Submitted(**read_line(self._process, _ANSWER_SECONDS))


@contextmanager
def load_generator(url: str, path: str, status: int, size: int) -> Iterator[Generator]:
    """Run a load generator.

    Args:
        url: The server.
        path: The route that takes recordings by POST.
        status: The status of an answer that accepts one.
        size: Bytes of a recording.

    Raises:
        MeasureError: It did not start.
    """
    with running_module(("bench.load", url, path, str(status), str(size)), {}) as process:
        read_line(process, _START_SECONDS)
        yield Generator(process)


def form_parts(url: str, path: str, size: int) -> tuple[bytes, bytes]:
    """Return what stands before and after a recording in the request that uploads it.

    Args:
        url: The server.
        path: The route.
        size: Bytes of the recording.
    """
    before = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="bench.wav"\r\n'
        f"Content-Type: audio/wav\r\n\r\n"
    )
    after = f"\r\n--{_BOUNDARY}--\r\n"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(before) + size + len(after)}\r\n\r\n"
    )
    return (head + before).encode(), after.encode()


class _Client(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, Any]] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._last_used = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer the request once the whole body is there."""
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._received[:head_end]).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        body_start = head_end + len(_HEAD_END)
        if len(self._received) < body_start + length:
            return
        body = bytes(self._received[body_start : body_start + length])
        self._received.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), json.loads(body)))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request that waits."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError())

    async def send(self, request: bytes) -> tuple[int, Any]:
        """Send a request; return status and JSON of its answer.

        Raises:
            OSError: The connection broke.
        """
        if self._transport is None:
            raise ConnectionResetError
        self._answer = self._loop.create_future()
        self._transport.write(request)
        answer = await self._answer
        self._last_used = self._loop.time()
        return answer

    def is_fresh(self) -> bool:
        """Tell whether the server still keeps the connection, and not just about to close it."""
        idle = self._loop.time() - self._last_used
        return self._transport is not None and idle < _KEPT_SECONDS

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class _Load:
    """What is submitted where, with the connections that are kept for it."""

    def __init__(self, url: str, path: str, status: int, size: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._status = status
        before, after = form_parts(url, path, size)
        self._request = before + os.urandom(size) + after
        self._idle: list[_Client] = []

    async def submit(self, count: int, submitters: int) -> Submitted:
        """Submit jobs; what fails is counted and not tried again."""
        remaining = iter(range(count))
        result = Submitted(time.monotonic(), [], [], Counter())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(submitters, count)):
                group.create_task(self._submitter(remaining, result))
        return result

    async def _submitter(self, remaining: Iterator[int], result: Submitted) -> None:
        for _ in remaining:
            begin = time.perf_counter()
            try:
                client = await self._connection()
                async with asyncio.timeout(_ANSWER_SECONDS / 2):
                    status, body = await client.send(self._request)
            except (OSError, TimeoutError) as error:
                kind = type(error).__name__
                result.errors[kind] = result.errors.get(kind, 0) + 1
                continue
            self._idle.append(client)
            if status == self._status:
                result.milliseconds.append(1000 * (time.perf_counter() - begin))
                result.ids.append(body["id"])
            else:
                result.errors[str(status)] = result.errors.get(str(status), 0) + 1

    async def _connection(self) -> _Client:
        while self._idle:
            client = self._idle.pop()
            if client.is_fresh():
                return client
            client.close()
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(_Client, self._host, self._port)
        return client


def main() -> None:
    """Submit what standard input asks for, until it ends."""
    url, path, status, size = sys.argv[1:]
    load = _Load(url, path, int(status), int(size))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            print(json.dumps(vars(runner.run(load.submit(*json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
