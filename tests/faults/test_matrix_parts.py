"""The rows of the failure matrix that are about database, Redis and store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.breakable import (
    Breakable,
    RestartablePostgreSQL,
    breakable,
    restartable_postgresql,
)
from tests.support.gate import ENGINES, Gate
from tests.support.obedient import ENGINES as OBEDIENT_ENGINES
from tests.support.obedient import Obedient, recording, text_of
from tests.support.stack import TRANSCRIPTIONS, Role, Stack, running
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
"""A busy machine may take a while to start so many processes."""


class Server:
    """A server whose transcriber waits at a gate, and how often a task was charged."""

    def __init__(self, stack: Stack, gate: Gate) -> None:
        self.stack = stack
        self.gate = gate
        self.engine: Role

    def start(self) -> None:
        """Start one process of each role."""
        self.stack.migrate()
        self.stack.start("orchestrator")
        self.engine = self.stack.start("engine", "run", *ENGINES)
        self.stack.gateway()

    def wait_for_run(self, *job_ids: str) -> None:
        """Wait until one of these jobs is in the engine's hands, and on record as such."""
        until(lambda: "running" in {self._status(one) for one in job_ids}, "a start on record", 60)

    def _status(self, job_id: str) -> str:
        tasks = self.stack.read(job_id)["tasks"]
        return str(tasks[0]["status"]) if tasks else "none"

    def completed_uncharged(self, *job_ids: str) -> None:
        """Check that jobs are completed, and nothing was charged or done twice."""
        for job_id in job_ids:
            assert self.stack.ended(job_id, 60)["status"] == "completed"
            history = self.stack.read(job_id, include="history")["history"]
            assert [row["why"] for row in history if row["from_status"] == "running"] == [
                "completed",
                "completed",
                "all tasks done",
            ]


@pytest.fixture
def server(parts: Breakable, gate: Gate) -> Iterator[Server]:
    settings = gate.settings() | parts.settings
    with running(parts.deployment, module="tests.faults.process", **settings) as stack:
        server = Server(stack, gate)
        server.start()
        yield server


def is_missed(stack: Stack, part: str) -> bool:
    """Tell whether it is known that a part doesn't answer, which is looked at once a second."""
    ready = stack.client.get("/health/ready")
    found = (ready.status_code, ready.json()["checks"][part]["status"])
    return found == (httpx.codes.SERVICE_UNAVAILABLE, "unavailable")


def test_redis_killed_and_gone_for_a_while(parts: Breakable, server: Server, silence: Path) -> None:
    """Uploads are accepted, and what runs goes on, while there is no Redis."""
    running_job = server.stack.submit(silence)
    server.wait_for_run(running_job)
    parts.redis.kill()
    submitted = server.stack.submit(silence)
    until(lambda: is_missed(server.stack, "redis"), "redis to be missed")
    server.gate.open()
    until(server.gate.done, "the running task to end without Redis")
    parts.redis.start()

    server.completed_uncharged(running_job, submitted)
    assert len(server.gate.begun()) == 2


def test_store_down(parts: Breakable, server: Server, silence: Path) -> None:
    """No row for what can't be stored; engines wait and are charged nothing."""
    accepted = [server.stack.submit(silence) for _ in range(2)]
    server.wait_for_run(*accepted)
    parts.break_store()
    answer = server.stack.client.post(
        TRANSCRIPTIONS, files={"file": ("a.wav", silence.read_bytes())}, timeout=60
    )
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.headers["Retry-After"]
    until(lambda: is_missed(server.stack, "store"), "store to be missed")
    server.gate.open()
    until(lambda: server.engine.logged("store_unavailable"), "the engine to miss the store", 60)
    parts.mend_store()

    server.completed_uncharged(*accepted)
    jobs = server.stack.client.get(TRANSCRIPTIONS).json()["jobs"]
    assert {job["id"] for job in jobs} >= set(accepted)
    paths = asyncio.run(parts.deployment.store().list("jobs"))
    kept = {path.split("/")[1] for path in paths}
    assert kept == {job["id"] for job in jobs}, "nothing is left of what was refused"


def test_store_slow_or_cut_off(parts: Breakable, server: Server, silence: Path) -> None:
    line = parts.store_line
    server.gate.open()
    if line is None:
        # A folder is on this machine: it is there or not.
        server.completed_uncharged(server.stack.submit(silence))
        return
    line.delay(0.1)
    slow = server.stack.submit(silence)
    server.completed_uncharged(slow)
    line.mend()
    line.cut_after(20_000)
    answer = server.stack.client.post(
        TRANSCRIPTIONS, files={"file": ("a.wav", silence.read_bytes())}, timeout=60
    )
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    line.mend()
    server.completed_uncharged(server.stack.submit(silence))


@pytest.fixture(scope="module")
def postgres() -> Iterator[RestartablePostgreSQL]:
    with restartable_postgresql() as server:
        yield server


def test_postgresql_restarted_at_once_and_gone_for_a_while(
    postgres: RestartablePostgreSQL, tmp_path: Path, gate: Gate, silence: Path
) -> None:
    """503 meanwhile; engines keep their results and report them later; nothing expires."""
    folder = tmp_path / "parts"
    folder.mkdir()
    with (
        breakable("distributed", folder, postgres.url()) as parts,
        running(parts.deployment, **gate.settings()) as stack,
    ):
        server = Server(stack, gate)
        server.start()
        jobs = [stack.submit(silence) for _ in range(3)]
        server.wait_for_run(*jobs)
        postgres.crash()
        answer = stack.client.post(
            TRANSCRIPTIONS, files={"file": ("a.wav", silence.read_bytes())}, timeout=60
        )
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert answer.headers["Retry-After"]
        until(lambda: is_missed(stack, "database"), "the database to be missed")
        gate.open()
        until(gate.done, "the engine to be done while there is no database")
        # Leases are as old as they get; nobody may conclude anything from that.
        parts.redis.age()
        postgres.start()
        server.completed_uncharged(*jobs)
        assert len(gate.begun()) == 3
        again = stack.submit(silence)
        postgres.crash()
        postgres.start()
        server.completed_uncharged(again)


def test_rolling_restart_under_load(parts: Breakable, obedient: Obedient) -> None:
    """SIGTERM to every process, one after the other: no job fails, no attempt is charged."""
    settings = obedient.settings() | {"DALSTON_GRACE_SECONDS": "0.3"}
    with running(parts.deployment, **settings) as stack:
        stack.migrate()
        old = {name: start(stack, name) for name in ("orchestrator", "engine", "gateway")}
        load = Load(stack)
        load.start()
        for name, role in old.items():
            start(stack, name)
            assert role.stop(30) == 0
            load.goes_on()
        jobs = load.end()
        ended = {job_id: stack.ended(job_id, 60) for job_id in jobs}
        histories = [stack.read(job_id, include="history")["history"] for job_id in jobs]

    assert {job["status"] for job in ended.values()} == {"completed"}
    assert all(ended[job_id]["text"] == text_of(audio) for job_id, audio in jobs.items())
    assert charged(histories) == []


def start(stack: Stack, name: str) -> Role:
    """Start a process of a role, and wait until it is one that works."""
    if name == "gateway":
        return stack.gateway()
    arguments = ("engine", "run", *OBEDIENT_ENGINES) if name == "engine" else (name,)
    role = stack.start(*arguments)
    until(lambda: role.logged(f"{name}_ready"), f"a new {name}", 60)
    return role


class Load(threading.Thread):
    """A client that submits one recording after the other."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack = stack
        self._ended = False
        self._pause = threading.Event()
        self._failed: list[BaseException] = []
        self.jobs: dict[str, bytes] = {}

    def run(self) -> None:
        number = 0
        while not self._ended:
            number += 1
            audio = recording(seconds=0.4 if number % 3 == 0 else 0.05, number=number)
            try:
                self.jobs[self._submit(audio)] = audio
            except Exception as error:  # noqa: BLE001 - told by `end`
                self._failed.append(error)
                return
            # As quick as the engines are, so that there is work all the time and no backlog.
            self._pause.wait(0.1)

    def _submit(self, audio: bytes) -> str:
        """Submit once more if the connection was closed under it: that is no answer."""
        try:
            return self._stack.submit(audio)
        except httpx.TransportError:
            return self._stack.submit(audio)

    def goes_on(self) -> None:
        """Wait until some more have been accepted."""
        before = len(self.jobs)
        until(lambda: self._failed or len(self.jobs) > before + 3, "the load to go on", 60)

    def end(self) -> dict[str, bytes]:
        """Stop, and return what was submitted, by job."""
        self._ended = True
        self.join()
        assert self._failed == []
        return self.jobs


def charged(histories: list[list[dict[str, Any]]]) -> list[str]:
    """Return the returns that cost a task an attempt."""
    whys = [
        row["why"] for rows in histories for row in rows if row["to_status"] == row["from_status"]
    ]
    whys += [
        row["why"]
        for rows in histories
        for row in rows
        if (row["from_status"], row["to_status"]) == ("running", "ready")
    ]
    return [why for why in whys if not why.startswith("released")]
