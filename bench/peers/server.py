"""FastAPI applications on uvicorn, as processes that any load generator can measure."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from bench.peers.process import read_line, running_module
from bench.waiting import MeasureError

_START_SECONDS = 30.0


@dataclass(frozen=True)
class RunningServer:
    """A server that takes recordings in the form field `file`.

    Attributes:
        url: Its address, such as `http://127.0.0.1:40123`.
        path: The route that takes them by POST.
        process_id: Its only process.
    """

    url: str
    path: str
    process_id: int


def serve(app: FastAPI) -> None:
    """Serve an application on a free port of loopback, and say on standard output which."""
    # The parser and the event loop by name, so that it fails rather than uses slower ones.
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", log_level="warning", access_log=False
    )
    with socket.create_server(("127.0.0.1", 0), backlog=config.backlog) as listener:
        print(json.dumps(listener.getsockname()[1]), flush=True)
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def running_server(
    module: str, path: str, folder: Path, settings: Mapping[str, str]
) -> Iterator[RunningServer]:
    """Run a module that serves an application; remove what it stored in the end.

    Args:
        module: What to run; it gets a folder for the uploads as its argument.
        path: The route that takes recordings.
        folder: Where that folder is made. Temporary files lie there too, on the same file system.
        settings: More variables of its environment.

    Raises:
        MeasureError: It did not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="peer-", dir=folder) as own,
        running_module((module, own), {"TMPDIR": own, **settings}) as process,
    ):
        url = f"http://127.0.0.1:{read_line(process, _START_SECONDS)}"
        _wait_until_ready(url, process)
        yield RunningServer(url, path, process.pid)


def _wait_until_ready(url: str, process: subprocess.Popen[str]) -> None:
    """Wait for the first answer; the port listens before the application has started."""
    give_up_at = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=_START_SECONDS):  # noqa: S310 - always http
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise MeasureError(f"the server does not answer: {error}") from error
