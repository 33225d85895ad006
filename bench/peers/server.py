"""FastAPI applications on uvicorn, as processes that any load generator can measure."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
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

from bench.peers.commands import PeerError

_REPOSITORY = Path(__file__).parent.parent.parent
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


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
def running(
    module: str, path: str, folder: Path, settings: Mapping[str, str]
) -> Iterator[RunningServer]:
    """Run a module that serves an application; remove what it stored in the end.

    Args:
        module: What to run; it gets a folder for the uploads as its argument.
        path: The route that takes recordings.
        folder: Where that folder is made. Temporary files lie there too, on the same file system.
        settings: More variables of its environment.

    Raises:
        PeerError: It did not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="peer-", dir=folder) as own,
        tempfile.TemporaryFile("w+") as log,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", module, own],
            cwd=_REPOSITORY,
            env={**os.environ, "TMPDIR": own, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            url = f"http://127.0.0.1:{_port(process)}"
            _wait_until_ready(url, process)
            yield RunningServer(url, path, process.pid)
        except PeerError as error:
            log.seek(0)
            raise PeerError(f"{error}\n{module}: {log.read()[-2000:]}") from error
        finally:
            _end(process)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], _START_SECONDS)[0]:
        raise PeerError(f"the server named no port within {_START_SECONDS:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise PeerError("the server ended before it listened")
    return int(json.loads(line))


def _wait_until_ready(url: str, process: subprocess.Popen[str]) -> None:
    """Wait for the first answer; the port listens before the application has started."""
    give_up_at = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=_START_SECONDS):  # noqa: S310 - always http
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise PeerError(f"the server does not answer: {error}") from error


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
