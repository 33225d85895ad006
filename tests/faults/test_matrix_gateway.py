"""The rows of the failure matrix that are about the gateway; docs/reliability.md lists them all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.faults.failpoints import FaultPlans
from tests.support.deployment import Deployment
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
"""A busy machine may take a while to start so many processes."""

ENGINES = ("engine", "run", "stub-transcriber", "stub-merger")
STARTS_SECONDS = 2.0
SLACK_SECONDS = 2.0
"""For a machine that has other things to do."""


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> FaultPlans:
    return FaultPlans(tmp_path_factory.mktemp("plans"))


@pytest.fixture(scope="module")
def stack(shared_deployment: Deployment, plans: FaultPlans) -> Iterator[Stack]:
    settings = {"DALSTON_PIPELINE": "stub", **plans.settings()}
    with running(shared_deployment, module="tests.faults.process", **settings) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.start(*ENGINES)
        yield stack


@pytest.fixture
def server(stack: Stack) -> Iterator[Server]:
    server = Server(stack)
    yield server
    server.gateway.kill()


class Server:
    """A gateway that may die, on a server whose other roles live on."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.gateway = stack.gateway()
        self._key = secrets.token_hex(8)
        self._before = set(self._all())

    def post(self, audio: Path) -> httpx.Response:
        """Submit with the same key each time."""
        return self.stack.client.post(
            TRANSCRIPTIONS,
            files={"file": ("a.wav", audio.read_bytes())},
            headers={"Idempotency-Key": self._key},
        )

    def dies_at(self, audio: Path) -> None:
        """Submit a recording to a gateway that dies of it, and start another."""
        with suppress(httpx.HTTPError):
            # An answer may be sooner than the hint.
            self.post(audio)
        assert self.gateway.ended() < 0
        self.gateway = self.stack.gateway()

    def jobs(self) -> list[str]:
        """Return the jobs that this test has made."""
        return [job_id for job_id in self._all() if job_id not in self._before]

    def _all(self) -> list[str]:
        return [job["id"] for job in self.stack.client.get(TRANSCRIPTIONS).json()["jobs"]]


def test_gateway_dies_before_commit(server: Server, plans: FaultPlans, silence: Path) -> None:
    plans.arm("gateway", "database.COMMIT", "kill")
    server.dies_at(silence)

    assert server.jobs() == []
    job_id = server.post(silence).json()["id"]
    assert server.stack.ended(job_id)["status"] == "completed"
    assert server.jobs() == [job_id]


def test_gateway_dies_between_commit_and_hint(
    server: Server, plans: FaultPlans, silence: Path
) -> None:
    plans.arm("gateway", "database.COMMIT", "kill after")
    server.dies_at(silence)

    [job_id] = server.jobs()
    job = server.stack.ended(job_id)
    assert job["status"] == "completed"
    created, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
    assert (started - created).total_seconds() < STARTS_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize("call", ["database.COMMIT", "redis.report"])
def test_gateway_dies_after_commit_before_the_answer(
    server: Server, plans: FaultPlans, silence: Path, call: str
) -> None:
    plans.arm("gateway", call, "kill after")
    server.dies_at(silence)

    [first] = server.jobs()
    assert server.post(silence).json()["id"] == first
    assert server.stack.ended(first)["status"] == "completed"
    assert server.jobs() == [first]


def test_three_orchestrators_at_once(server: Server, silence: Path) -> None:
    stack = server.stack
    more = [stack.start("orchestrator") for _ in range(2)]
    until(lambda: all(role.logged("orchestrator_ready") for role in more), "all three to be there")
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: stack.submit(silence), range(24)))

    for job_id in found:
        assert stack.ended(job_id)["status"] == "completed"
        history = stack.read(job_id, include="history")["history"]
        steps = [(row["task_id"], row["to_status"]) for row in history]
        assert len(steps) == len(set(steps)), "each transition happened once"
        assert len({task_id for task_id, _ in steps}) == 3, "two tasks and the job"
    for role in more:
        assert role.stop() == 0
