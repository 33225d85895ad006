"""The servers that are measured: how each is started, asked and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

from bench.load import Connection, LoadError, upload_request

_ROUTE = "/v1/audio/transcriptions"
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_COLLECT_SECONDS = 60.0
_ACCEPTED, _OK = 202, 200
_OWN_SETTINGS = ("DALSTON_", "DATABASE_URL", "REDIS_URL", "S3_", "AWS_")


class Target(ABC):
    """A server on a folder of its own.

    Args:
        folder: An empty folder.
        audio: What is uploaded.
    """

    name: str

    def __init__(self, folder: Path, audio: bytes) -> None:
        self.folder = folder
        self.audio = audio
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._request = b""

    @property
    def process_id(self) -> int:
        """The server's first process."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it can work.

        Raises:
            LoadError: It did not start.
        """
        self.folder.mkdir(parents=True)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - nothing else happens meanwhile
                [sys.executable, "-m", *self._command()],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _START_SECONDS
        while not await self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise LoadError(f"{self.name} did not start; its log: {self.folder / 'log'}")
            await asyncio.sleep(0.1)
        self._request = upload_request(self.url, self._path(), self.audio)

    def stop(self) -> None:
        """End the server."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith(_OWN_SETTINGS)}
        return {**kept, "DALSTON_PIPELINE": "stub", "DALSTON_LOG_LEVEL": "warning"}

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _path(self) -> str: ...

    @abstractmethod
    async def _is_ready(self) -> bool: ...

    @abstractmethod
    async def submit(self, connection: Connection) -> str:
        """Submit a job and return where to read it.

        Raises:
            LoadError: It was not accepted.
        """

    @abstractmethod
    async def collect(self, connection: Connection, where: str, pause: float) -> None:
        """Wait until a job is completed and read its transcript.

        Args:
            connection: What to ask on.
            where: What `submit` returned.
            pause: Seconds between two questions.

        Raises:
            LoadError: It did not complete.
        """

    @staticmethod
    @abstractmethod
    def role_of(command: str) -> str:
        """Name the role of a process by its command line."""


class Dalston(Target):
    """`dalston serve` on its embedded parts, with the stub pipeline."""

    name = "dalston serve"

    def _command(self) -> list[str]:
        return ["dalston", "serve", "--port", "0", "--data-dir", str(self.folder / "data")]

    def _path(self) -> str:
        return _ROUTE

    async def _is_ready(self) -> bool:
        announced = self.folder / "data" / "server.json"
        if not announced.exists():
            return False
        self.url = json.loads(announced.read_text(encoding="utf-8"))["url"]
        connection = Connection(self.url)
        engines = (await connection.get("/health/ready")).body["engines"]
        connection.close()
        return all(
            engines.get(name, {}).get("state") == "ready"
            for name in ("stub-transcriber", "stub-merger")
        )

    async def submit(self, connection: Connection) -> str:
        """Post the recording."""
        answer = await connection.send(self._request)
        if answer.status != _ACCEPTED:
            raise LoadError(f"{self.name} answered {answer.status}: {answer.body}")
        return f"{_ROUTE}/{answer.body['id']}"

    async def collect(self, connection: Connection, where: str, pause: float) -> None:
        """Poll the job."""
        end = time.monotonic() + _COLLECT_SECONDS
        while time.monotonic() < end:
            answer = await connection.get(where)
            if answer.status == _OK and answer.body["status"] == "completed":
                if not answer.body["text"]:
                    raise LoadError(f"{where} has no text")
                return
            if answer.status != _OK or answer.body["status"] in {"failed", "cancelled"}:
                raise LoadError(f"{where}: {answer.status} {answer.body}")
            await asyncio.sleep(pause)
        raise LoadError(f"{where} did not complete within {_COLLECT_SECONDS:.0f} s")

    @staticmethod
    def role_of(command: str) -> str:
        """Name the role of one of `serve`'s processes."""
        for pattern, role in (
            (r"dalston\.engine_sdk\.child", "engine children"),
            (r"\bengine run\b", "engine supervisor"),
            (r"\borchestrator\b", "orchestrator"),
            (r"\bgateway\b", "gateway"),
            (r"(valkey|redis)-server", "redis"),
        ):
            if re.search(pattern, command):
                return role
        return "serve"


class Inline(Target):
    """The route of `bench.inline`, which does everything inside the request."""

    name = "FastAPI inline, file + 3 commits"

    def _command(self) -> list[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return ["bench.inline", str(self.folder), str(port)]

    def _path(self) -> str:
        return "/transcribe"

    async def _is_ready(self) -> bool:
        connection = Connection(self.url)
        try:
            return (await connection.get("/health")).status == _OK
        except OSError:
            return False
        finally:
            connection.close()

    async def submit(self, connection: Connection) -> str:
        """Post the recording; the answer is the transcript."""
        answer = await connection.send(self._request)
        if answer.status != _OK or not answer.body["text"]:
            raise LoadError(f"{self.name} answered {answer.status}: {answer.body}")
        return str(answer.body["id"])

    async def collect(self, connection: Connection, where: str, pause: float) -> None:
        """Do nothing: the job is completed."""

    @staticmethod
    def role_of(command: str) -> str:
        """Name the only role."""
        del command
        return "server"
