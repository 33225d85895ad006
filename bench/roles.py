"""Dalston's processes, started as containers would start them, and what they cost."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.deployments import EMBEDDED, REPOSITORY, Parts, Site, new_site
from bench.processes import processor_seconds, resident_megabytes
from bench.waiting import MeasureError, seen

ROUTE = "/v1/audio/transcriptions"
ENGINES = ("stub-transcriber", "stub-merger")
GATEWAY, ORCHESTRATOR = "gateway", "orchestrator"
_ROLES = (
    (r"dalston\.engine_sdk\.child", "engine_children"),
    (r"\bengine run\b", "engine_supervisors"),
    (r"\borchestrator\b", ORCHESTRATOR),
    (r"\bgateway\b", GATEWAY),
    (r"(valkey|redis)-server", "Valkey"),
)
OURS = frozenset({"serve", *(role for _, role in _ROLES)} - {"Valkey"})
"""The roles whose processor time counts as ours; not that of what they stand on."""
_STOP_SECONDS = 30.0
_LOG_CHARACTERS = 3000


class Role:
    """One process of a server.

    Args:
        name: What it is; its log's name.
        arguments: What follows `dalston` on the command line.
        site: Where it is started.
        settings: More variables of its environment.
        descriptor: A socket that it inherits.
    """

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        site: Site,
        settings: Mapping[str, str],
        descriptor: int | None = None,
    ) -> None:
        self._log = site.folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dalston", *arguments],
                cwd=REPOSITORY,
                env={**site.environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if descriptor is None else (descriptor,),
            )

    @property
    def process_id(self) -> int:
        """Its process."""
        return self._process.pid

    def require_alive(self) -> None:
        """Find out whether it still runs.

        Raises:
            MeasureError: It doesn't; shows the end of its log.
        """
        if self._process.poll() is not None:
            text = self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:]
            raise MeasureError(f"{self._log.stem} ended with {self._process.returncode}:\n{text}")

    def stop(self) -> None:
        """End it as a deploy does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Server:
    """A server on a site; its roles can be started one by one.

    Args:
        site: What it stands on.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.url = ""
        self.tables = site.tables()
        self._roles: dict[str, Role] = {}
        self._listener: socket.socket | None = None

    def start_gateway(self, **settings: str) -> None:
        """Start a gateway and wait until it answers.

        Raises:
            MeasureError: It doesn't.
        """
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        descriptor = self._listener.fileno()
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the call's own shape
        arguments = ("gateway", "--fd", str(descriptor))
        self._roles[GATEWAY] = Role(GATEWAY, arguments, self.site, settings, descriptor)
        self._until(lambda: self._ask("/health") is not None, "the gateway to answer")

    def start_orchestrator(self) -> None:
        """Start an orchestrator."""
        self._roles[ORCHESTRATOR] = Role(ORCHESTRATOR, (ORCHESTRATOR,), self.site, {})

    def start_engines(self) -> None:
        """Start a process for each engine and wait until all are ready.

        Raises:
            MeasureError: They don't become so.
        """
        for engine in ENGINES:
            name = f"engine {engine}"
            self._roles[name] = Role(name, ("engine", "run", engine), self.site, {})
        self._until_engines_are_ready()

    def start_engine(self, engine: str, **settings: str) -> None:
        """Start a process for an engine of one's own choice."""
        name = f"engine {engine}"
        self._roles[name] = Role(name, ("engine", "run", engine), self.site, settings)

    def wait_for_slots(self, engine: str, slots: int) -> None:
        """Wait until an engine can do so many tasks at a time.

        Raises:
            MeasureError: It can't.
        """

        def ready() -> bool:
            body = self._ask("/health/ready")
            return body is not None and body["engines"][engine]["slots"] == slots

        self._until(ready, f"{slots} slots of {engine}")

    def submit(self, recording: bytes, **wishes: str) -> str:
        """Submit a recording with fields of the form, and return the job's id."""
        boundary = "dalston-bench"
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in wishes.items()
        )
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="bench.wav"\r\n\r\n'
        )
        request = urllib.request.Request(  # noqa: S310 - always http
            f"{self.url}{ROUTE}",
            data=head.encode() + recording + f"\r\n--{boundary}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - always http
            return str(json.load(answer)["id"])

    def text(self, job: str) -> str:
        """Return the text of a completed job."""
        with urllib.request.urlopen(f"{self.url}{ROUTE}/{job}", timeout=60) as answer:  # noqa: S310 - always http
            return str(json.load(answer)["text"])

    def stop_engines(self) -> None:
        """End the engines' processes."""
        for engine in ENGINES:
            self._roles.pop(f"engine {engine}").stop()

    def start_serve(self) -> None:
        """Start everything by one command, and wait until it can work.

        Raises:
            MeasureError: It can't.
        """
        arguments = ("serve", "--port", "0")
        self._roles["serve"] = Role("serve", arguments, self.site, {})
        announced = self.site.folder / "server.json"
        self._until(announced.exists, "dalston serve to be ready")
        self.url = str(json.loads(announced.read_text(encoding="utf-8"))["url"])
        self._until_engines_are_ready()

    def stop(self) -> None:
        """End everything, in the order in which work flows."""
        for role in self._roles.values():
            role.stop()
        self._roles.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """End everything, and stop looking at the tables."""
        self.stop()
        self.tables.close()

    def process_id(self, role: str) -> int:
        """Return the process of a role."""
        return self._roles[role].process_id

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor seconds used so far by role, and by what the server stands on."""
        used: dict[str, float] = defaultdict(float)
        for role in self._roles.values():
            for name, seconds in processor_seconds(role.process_id, role_of).items():
                used[name] += seconds
        for part, process in self.site.parts.items():
            used[part] = sum(processor_seconds(process).values())
        return used

    def memory(self) -> dict[str, float]:
        """Return the resident megabytes by role; an engine's are those of both its processes."""
        if self.site.deployment == EMBEDDED:
            return resident_megabytes(self.process_id("serve"), role_of)
        return {
            name: sum(resident_megabytes(role.process_id).values())
            for name, role in self._roles.items()
        }

    def _until_engines_are_ready(self) -> None:
        def ready() -> bool:
            body = self._ask("/health/ready")
            found = {} if body is None else body["engines"]
            states = [found[engine]["state"] for engine in found]
            # An engine that loads a model would take its time from what is measured.
            return "loading" not in states and all(
                found.get(engine, {}).get("state") == "ready" for engine in ENGINES
            )

        self._until(ready, "the engines to be ready")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        def reached() -> bool:
            for role in self._roles.values():
                role.require_alive()
            return condition()

        seen(reached, what)

    def _ask(self, path: str) -> dict[str, dict[str, dict[str, Any]]] | None:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:  # noqa: S310 - always http
                body: dict[str, dict[str, dict[str, Any]]] = json.load(answer)
                return body
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None


def role_of(command: str) -> str:
    """Name the role of one of Dalston's processes by its command line."""
    return next((role for pattern, role in _ROLES if re.search(pattern, command)), "serve")


@contextmanager
def new_server(site: Site) -> Iterator[Server]:
    """Make a server of which nothing runs yet, and end in the end what was started.

    Raises:
        MeasureError: Something failed meanwhile, or a process ended by itself.
    """
    with contextlib.closing(Server(site)) as server:
        yield server


@contextmanager
def new_pipeline_server(
    deployment: str,
    parts: Parts,
    pipeline: str,
    slots: Mapping[str, int],
    **settings: str,
) -> Iterator[Server]:
    """Start a server on one of the benchmark's own pipelines, a process for each engine.

    Args:
        deployment: Where.
        parts: What it stands on.
        pipeline: Its name.
        slots: How many tasks each engine does at a time, by its id.
        settings: More variables of its environment.

    Raises:
        MeasureError: A process did not start.
    """
    own = {
        "DALSTON_ENGINES": str(REPOSITORY / "bench" / "engines"),
        "DALSTON_PIPELINES": str(REPOSITORY / "bench" / "pipelines"),
        "DALSTON_PIPELINE": pipeline,
    }
    with new_site(deployment, parts) as plain:
        site = dataclasses.replace(plain, environment={**plain.environment, **own, **settings})
        with new_server(site) as server:
            server.start_orchestrator()
            server.start_gateway()
            for engine, count in slots.items():
                server.start_engine(engine, DALSTON_ENGINE_SLOTS=str(count))
            for engine, count in slots.items():
                server.wait_for_slots(engine, count)
            yield server


def start_everything(server: Server) -> None:
    """Start a whole server, as its deployment does.

    Raises:
        MeasureError: It does not become ready.
    """
    if server.site.deployment == EMBEDDED:
        server.start_serve()
        return
    server.start_orchestrator()
    server.start_gateway()
    server.start_engines()
