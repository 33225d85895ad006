"""A huge upload: how fast it is taken, and how much memory it needs.

Only a gateway runs, so that nobody processes the recording. The sender shares the machine's
processors with it. Before each upload the system writes out what earlier ones left to be written.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.deployments import EMBEDDED, Parts, new_site
from bench.load import form_parts
from bench.peers.uploadfile import uploadfile_server
from bench.processes import forget_peak, peak_megabytes, processor_seconds, resident_megabytes
from bench.roles import GATEWAY, ROUTE, new_server
from bench.waiting import MeasureError

GIBIBYTE = 1024**3
_CHUNK = 1024**2
_WARM_UP_BYTES = 32 * _CHUNK
_ANSWER_SECONDS = 120.0
_CREATED = (200, 202)
UPLOADFILE = "uploadfile"


@dataclass(frozen=True)
class Upload:
    """What an upload cost.

    Attributes:
        mb_per_second: Megabytes (10^6 bytes) per second, from the first byte to the answer.
        growth_mb: By how many megabytes the server's resident memory grew at its peak.
        cpu_seconds_per_gb: Processor seconds of the server for each 10^9 bytes.
    """

    mb_per_second: float
    growth_mb: float
    cpu_seconds_per_gb: float


@dataclass(frozen=True)
class _Receiver:
    """A server that takes uploads: its address, its route, its process."""

    url: str
    path: str
    process_id: int


def measure_upload(name: str, parts: Parts, size: int) -> Upload:
    """Send one upload to a freshly started server.

    Args:
        name: A deployment, or `uploadfile`.
        parts: What it stands on.
        size: Bytes of the recording.

    Raises:
        MeasureError: The server did not start, or did not accept it.
    """
    with _receiver(name, parts) as receiver:
        # The first upload loads what is loaded once in a process's life.
        _send(receiver, _WARM_UP_BYTES)
        os.sync()
        [rest] = resident_megabytes(receiver.process_id).values()
        forget_peak(receiver.process_id)
        before = sum(processor_seconds(receiver.process_id).values())
        seconds = _send(receiver, size)
        used = sum(processor_seconds(receiver.process_id).values()) - before
        return Upload(
            mb_per_second=size / 1e6 / seconds,
            growth_mb=peak_megabytes(receiver.process_id) - rest,
            cpu_seconds_per_gb=used / (size / 1e9),
        )


@contextmanager
def _receiver(name: str, parts: Parts) -> Iterator[_Receiver]:
    if name == UPLOADFILE:
        with uploadfile_server(parts.folder) as server:
            yield _Receiver(server.url, server.path, server.process_id)
        return
    with new_site(name, parts) as site, new_server(site) as ours:
        # Without `serve` there is no embedded Valkey; any other will do.
        ours.start_gateway(**({"REDIS_URL": parts.valkey.url} if name == EMBEDDED else {}))
        yield _Receiver(ours.url, ROUTE, ours.process_id(GATEWAY))


def _send(receiver: _Receiver, size: int) -> float:
    """Upload a recording of random bytes; return the seconds until the answer."""
    address = urlsplit(receiver.url)
    before, after = form_parts(receiver.url, receiver.path, size)
    chunk = memoryview(os.urandom(_CHUNK))
    begin = time.monotonic()
    with socket.create_connection((address.hostname, address.port), _ANSWER_SECONDS) as connection:
        connection.sendall(before)
        for sent in range(0, size, _CHUNK):
            connection.sendall(chunk[: size - sent])
        connection.sendall(after)
        status, body = _answer(connection)
    if status not in _CREATED:
        raise MeasureError(f"an upload of {size} bytes was answered by {status}: {body}")
    return time.monotonic() - begin


def _answer(connection: socket.socket) -> tuple[int, Any]:
    with connection.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        length = 0
        while line := lines.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, json.loads(lines.read(length))
