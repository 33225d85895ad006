"""A model hub on the loopback interface, with the few routes that a download needs.

It follows the public hub: a description of the repository, then for each file `HEAD` and `GET` on
`/{repository}/resolve/{revision}/{file}`, with ranges.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves one repository.

    Attributes:
        requests: What was asked for, as `GET /path`.
        hold_after: After how many bytes of `model.bin` a connection stops giving, or None.
        held: Is set when one has stopped.
        released: Set it to let those that have stopped end.
    """

    daemon_threads = True

    def __init__(self, repository: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository = repository
        self.folder = folder
        self.requests: list[str] = []
        self.hold_after: int | None = None
        self.held = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(repository: str, folder: Path) -> Iterator[Hub]:
    """Serve a folder's files as a repository."""
    with Hub(repository, folder) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.released.set()
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002 - as the base has it
        self.server.requests.append(f"{self.command} {self.path}")

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        repository = self.server.repository
        if path in (f"/api/models/{repository}", f"/api/models/{repository}/revision/main"):
            self._describe()
        elif path.startswith(f"/{repository}/resolve/"):
            self._give(self.server.folder / path.rsplit("/", 1)[1], with_body=with_body)
        else:
            self._send(404, {"X-Error-Code": "RepoNotFound"}, b"")

    def _describe(self) -> None:
        files = [
            {"rfilename": path.name, "size": path.stat().st_size}
            for path in sorted(self.server.folder.iterdir())
        ]
        body = {"id": self.server.repository, "sha": COMMIT, "siblings": files}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _give(self, path: Path, *, with_body: bool) -> None:
        if not path.is_file():
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")
            return
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        status, start = 200, 0
        if wanted := self.headers.get("Range"):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        hold = self.server.hold_after if path.name == "model.bin" else None
        self._send(status, headers, content[start:], with_body=with_body, hold=hold)

    def _send(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes,
        *,
        with_body: bool = True,
        hold: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not with_body:
            return
        self.wfile.write(body if hold is None else body[:hold])
        if hold is not None:
            self.wfile.flush()
            self.server.held.set()
            self.server.released.wait()
            self.close_connection = True
