"""A web server of others, as recordings are fetched from: good, slow, lying, redirecting."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_PIECE = b"\0" * 65_536


class Web:
    """What is at the server, and who asked for it.

    Attributes:
        files: Bodies by path.
        refusals: How many more requests for a path are answered with a status in place of it.
        asked: The path and the `Host` of each request, in order.
        sent: Bytes of the endless body that were taken.
    """

    def __init__(self) -> None:
        self.port = 0
        self.files: dict[str, bytes] = {}
        self.refusals: dict[str, tuple[int, int]] = {}
        self.asked: list[tuple[str, str]] = []
        self.sent = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [path for path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    web: Web

    def do_GET(self) -> None:
        """Answer by the path."""
        parts = urlsplit(self.path)
        self.web.asked.append((parts.path, self.headers["Host"]))
        status, left = self.web.refusals.get(parts.path, (0, 0))
        if left:
            self.web.refusals[parts.path] = (status, left - 1)
            self._head(status, length=0)
        elif parts.path in self.web.files:
            body = self.web.files[parts.path]
            self._head(200, length=len(body))
            self.wfile.write(body)
        else:
            oddly = getattr(self, f"_answer_{parts.path.strip('/')}", None)
            if oddly is None:
                self._head(404, length=0)
            else:
                oddly(parse_qs(parts.query))

    def _head(self, status: int, *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _answer_to(self, query: dict[str, list[str]]) -> None:
        self._head(302, length=0, Location=query["place"][0])

    def _answer_to_signed(self, _: dict[str, list[str]]) -> None:
        self._head(302, length=0, Location=f"/talk.mp3?signature={'x' * 5000}")

    def _answer_circle(self, _: dict[str, list[str]]) -> None:
        self._head(307, length=0, Location="/circle")

    def _answer_nowhere(self, _: dict[str, list[str]]) -> None:
        self._head(301, length=0)

    def _answer_endless(self, _: dict[str, list[str]]) -> None:
        self._head(200)
        while not self.web.closing.is_set():
            self.wfile.write(_PIECE)
            self.web.sent += len(_PIECE)

    def _answer_slow_head(self, _: dict[str, list[str]]) -> None:
        while not self.web.closing.wait(0.02):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" if not self.web.sent else b"X-More: 1\r\n")
            self.web.sent += 1

    def _answer_drip(self, _: dict[str, list[str]]) -> None:
        self._head(200, length=1_000_000)
        while not self.web.closing.wait(0.02):
            self.wfile.write(b"x")

    def _answer_steady(self, _: dict[str, list[str]]) -> None:
        """Send for a second, faster than what is called a stall."""
        self._head(200, length=50 * 100)
        for _piece in range(50):
            self.wfile.write(bytes(100))
            self.web.closing.wait(0.02)

    def _answer_claims_much(self, _: dict[str, list[str]]) -> None:
        self._head(200, length=10**15)

    def _answer_breaks_off(self, _: dict[str, list[str]]) -> None:
        self._head(200, length=1000)
        self.wfile.write(b"x")

    def _answer_bomb(self, _: dict[str, list[str]]) -> None:
        body = gzip.compress(bytes(20_000_000))
        self._head(200, length=len(body), Content_Encoding="gzip", Content_Type="audio/wav")
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Take it as it is that clients go away."""
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            return


@contextmanager
def web_server() -> Iterator[Web]:
    """Run a web server on this machine."""
    web = Web()
    handler = type("_OwnHandler", (_Handler,), {"web": web})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
