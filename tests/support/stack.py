"""Real processes of a server, started and killed by a test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from dalston.db.migrate import migrate
from dalston.db.session import Database
from tests.support.deployment import Deployment, embedded
from tests.support.spawner import AVAILABLE, MODULE, SPAWNER, Spawned
from tests.support.waiting import until

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TERMINAL = {"completed", "failed", "cancelled"}


class Role:
    """One process of a server."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        *,
        fd: int | None = None,
        module: str = "dalston",
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process: subprocess.Popen[bytes] | Spawned
            if module == MODULE and AVAILABLE:
                self._process = SPAWNER.spawn(arguments, environment, output.fileno(), fd)
            else:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=() if fd is None else (fd,),
                )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = 60.0) -> int:
        """End it as a deploy does; return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def ended(self, seconds: float = 60.0) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self._process.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def lines(self) -> list[dict[str, Any]]:
        """Return its log so far."""
        texts = self.log.read_text().splitlines()
        return [json.loads(text) for text in texts if text.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return its log's lines about an event."""
        return [line for line in self.lines() if line.get("event") == event]


class Stack:
    """A server on a deployment, process by process.

    Args:
        module: What is run: `tests.faults.process` can be made to fail.
    """

    def __init__(self, deployment: Deployment, *, module: str = "dalston", **settings: str) -> None:
        self.deployment = deployment
        self._module = module
        self._settings = settings
        self.roles: list[Role] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def migrate(self) -> None:
        """Bring the database to the newest schema."""
        asyncio.run(_migrate(self.deployment.database_url))

    def start(self, *arguments: str, fd: int | None = None, **settings: str) -> Role:
        """Start a role: `orchestrator`, or `engine run stub-transcriber`."""
        # A file of its own: nobody is ready because another one of the deployment was.
        names = (f"{number}-{arguments[0]}.log" for number in count(len(self.roles)))
        logs = (self.deployment.folder / name for name in names)
        log = next(log for log in logs if not log.exists())
        environment = self.deployment.environment(**(self._settings | settings))
        role = Role(list(arguments), environment, log, fd=fd, module=self._module)
        self.roles.append(role)
        return role

    def gateway(self, **settings: str) -> Role:
        """Start a gateway and wait until it answers."""
        role = self.start_gateway(**settings)
        until(self.is_alive, "the gateway to answer", 60)
        return role

    def start_gateway(self, **settings: str) -> Role:
        """Start a gateway."""
        descriptor = self._listener.fileno()
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the call's own shape
        return self.start("gateway", "--fd", str(descriptor), fd=descriptor, **settings)

    def is_alive(self) -> bool:
        """Tell whether a gateway answers."""
        try:
            return self.client.get("/health", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def everything(self, *engines: str) -> None:
        """Start one process of each role, with these engines."""
        self.migrate()
        self.start("orchestrator")
        self.start("engine", "run", *engines)
        self.gateway()

    def submit(self, audio: Path | bytes, **fields: str) -> str:
        """Submit a recording and return the job's id."""
        data = audio if isinstance(audio, bytes) else audio.read_bytes()
        name = "audio.wav" if isinstance(audio, bytes) else audio.name
        answer = self.client.post(TRANSCRIPTIONS, files={"file": (name, data)}, data=fields)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["id"])

    def read(self, job_id: str, **parameters: str) -> dict[str, Any]:
        """Return a job as GET shows it."""
        answer = self.client.get(f"{TRANSCRIPTIONS}/{job_id}", params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def ended(self, job_id: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a job has ended and return it."""

        def ended_job() -> dict[str, Any] | None:
            job = self.read(job_id)
            return job if job["status"] in TERMINAL else None

        return until(ended_job, f"{job_id} to end", seconds)

    def close(self) -> None:
        """Kill what still runs."""
        for role in self.roles:
            role.kill()
        self.client.close()
        self._listener.close()


async def _migrate(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


@contextmanager
def running(
    deployment: Deployment, *engines: str, module: str = "dalston", **settings: str
) -> Iterator[Stack]:
    """Run a whole server, or an empty stack if no engines are named."""
    stack = Stack(deployment, module=module, **settings)
    try:
        if engines:
            stack.everything(*engines)
        yield stack
    finally:
        stack.close()


@contextmanager
def running_embedded(*engines: str, **settings: str) -> Iterator[Stack]:
    """Run a whole server, or an empty stack, on embedded parts of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        embedded(Path(folder)) as parts,
        running(parts, *engines, **settings) as stack,
    ):
        yield stack
