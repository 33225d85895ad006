"""A real receiver of webhooks, which a test tells how to answer."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import until


@dataclass(frozen=True)
class Received:
    """One request; names of headers in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        """Return the message's id."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """Return what it says."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """Keeps what it receives; answers each path with a status that can be set.

    Attributes:
        status: By path; 204 where nothing is said.
        location: Where its redirections lead; None means to another of its own paths.
        gate: While it isn't set, nothing is answered.
        cookies: How many each answer sets.
    """

    def __init__(self) -> None:
        self.status: dict[str, int] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.cookies = 0
        self.location: str | None = None
        self._received: list[Received] = []
        self.url = ""

    def address(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.url}{path}"

    def at(self, path: str) -> list[Received]:
        """Return what has come to a path so far."""
        return [one for one in list(self._received) if one.path == path]

    def wait(self, path: str, count: int = 1) -> list[Received]:
        """Return what has come to a path, once that is so much."""
        return until(
            lambda: found if len(found := self.at(path)) >= count else None,
            f"{count} requests to {path}",
        )

    def take(self, received: Received) -> int:
        """Keep a request and return the status of its answer."""
        self._received.append(received)
        self.gate.wait(60)
        return self.status.get(received.path, 204)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.receiver.take(Received(self.path, headers, self.rfile.read(length)))
        self.send_response(status)
        if 300 <= status < 400:
            elsewhere = self.receiver.location or self.receiver.address("/elsewhere")
            self.send_header("Location", elsewhere)
        for number in range(self.receiver.cookies):
            self.send_header("Set-Cookie", f"cookie{number}={'x' * 3000}; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name that the server looks for

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def receiving(encryption: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on this machine.

    Args:
        encryption: With a certificate; None means that it speaks plain HTTP.
    """
    receiver = Receiver()
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if encryption is not None:
        server.socket = encryption.wrap_socket(server.socket, server_side=True)
    scheme = "http" if encryption is None else "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
