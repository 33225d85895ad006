"""A server for the demo, in a folder of its own, that leaves nothing behind; this is checked."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
LOG_LINES = 20

# Every process of the server inherits it, so what is left of one can be found.
MARK = "MAKE_DEMO_RUN"
KEPT_SETTINGS = frozenset({"DALSTON_MODEL", "DALSTON_DEVICE"})
FOREIGN_SETTINGS = ("DALSTON_", "DATABASE_URL", "REDIS_URL", "S3_", "AWS_")


class ServerError(Exception):
    """The server did not start, or left something behind."""


@dataclass
class DemoServer:
    """A running server.

    Attributes:
        url: where it listens.
        folder: its data folder, a temporary one.
        start_seconds: how long it took until it answered.
        most_processes: how many processes it had.
        stop_seconds: how long it took to end, once it has.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    mark: str
    url: str = ""
    start_seconds: float = 0.0
    most_processes: int = 0
    stop_seconds: float = field(default=0.0)

    @property
    def log(self) -> str:
        """The last lines of the server's log."""
        text = (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LOG_LINES:])


@contextmanager
def running_server() -> Iterator[DemoServer]:
    """Starts a server on a free port; stops it at the end, and looks whether all of it is gone.

    Raises:
        ServerError: it did not start, or something of it is left.
    """
    folder = Path(tempfile.mkdtemp(prefix="dalston-demo-"))
    mark = secrets.token_hex(8)
    try:
        server = DemoServer(folder, launch(folder, mark), mark)
        try:
            wait_until_ready(server)
            yield server
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    left = marked_processes(mark)
    if left or folder.exists():
        message = f"Left behind: processes {left or 'none'}, {folder if folder.exists() else ''}"
        raise ServerError(message)


def launch(folder: Path, mark: str) -> subprocess.Popen[bytes]:
    """Starts `dalston serve`, without the settings of the person's own server."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_SETTINGS or not name.startswith(FOREIGN_SETTINGS)
    }
    command = [sys.executable, "-m", "dalston", "--die-with", str(os.getpid())]
    command += ["serve", "--port", "0", "--data-dir", str(folder)]
    with (folder / "serve.log").open("wb") as log:
        return subprocess.Popen(
            command,
            env=environment | {MARK: mark},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until_ready(server: DemoServer) -> None:
    """Waits for the file that says where the server listens.

    Raises:
        ServerError: it ended, or took too long.
    """
    begin = time.monotonic()
    announced = server.folder / "server.json"
    while not announced.exists():
        if server.process.poll() is not None or time.monotonic() > begin + START_SECONDS:
            message = f"{server.log}\nThe server did not start; the end of its log is above."
            raise ServerError(message)
        time.sleep(POLL_SECONDS)
    server.url = json.loads(announced.read_text(encoding="utf-8"))["url"]
    server.start_seconds = time.monotonic() - begin


def stop(server: DemoServer) -> None:
    """Ends the server as Ctrl-C does, and by force if that takes too long."""
    server.most_processes = len(marked_processes(server.mark))
    begin = time.monotonic()
    server.process.terminate()
    try:
        server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    if server.process.stdin is not None:
        server.process.stdin.close()
    server.stop_seconds = time.monotonic() - begin


def marked_processes(mark: str) -> list[int]:
    """Returns the ids of all processes that carry the mark in their environment."""
    wanted = f"{MARK}={mark}"
    if Path("/proc/self/environ").exists():
        return sorted(
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and wanted.encode() in environment_of(entry)
        )
    listed = subprocess.run(
        ["/bin/ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    lines = [line for line in listed.stdout.splitlines() if wanted in line]
    return sorted(int(line.split()[0]) for line in lines)


def environment_of(process: Path) -> list[bytes]:
    """Returns the variables of a process, none if it is gone or somebody else's."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
