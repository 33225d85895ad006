"""One job after the other, each with a fault at another call of one role to one part."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from dalston.common.models import Job
from dalston.common.redis import LEASES
from dalston.common.storage import transcript_path
from dalston.db import reading
from dalston.db.session import Database
from tests.faults.failpoints import FaultPlans
from tests.support.deployment import Deployment, age
from tests.support.stack import TERMINAL, TRANSCRIPTIONS, Role, Stack, running
from tests.support.waiting import until

PLACES = {
    ("gateway", "database"): 8,
    ("gateway", "redis"): 1,
    ("gateway", "store"): 1,
    ("orchestrator", "database"): 40,
    ("orchestrator", "redis"): 12,
    ("orchestrator", "store"): 1,
    ("engine", "redis"): 12,
    ("engine", "store"): 3,
}
"""Which role calls which part, and about how often for one job."""
ENGINES = ("engine", "run", "stub-transcriber", "stub-merger")
TEXT = "This is a stub transcript. The system works!"
LONGEST_SECONDS = 60.0
"""A lease, and then the work, on a busy machine."""


class Fault(NamedTuple):
    """What fails: the n-th call of a role to a part."""

    role: str
    part: str
    mode: str
    n: int


class Outcome(NamedTuple):
    """What came of a job.

    Attributes:
        hit: The call that failed; None if the job made fewer calls.
        seconds: From its submission to its end.
    """

    hit: str | None
    seconds: float


class NthCall:
    """A server whose roles can be made to fail, and are started again when they die."""

    def __init__(self, stack: Stack, plans: FaultPlans, audio: bytes) -> None:
        self._stack = stack
        self._plans = plans
        self._audio = audio
        self._roles: dict[str, Role] = {}
        self._redis = stack.deployment.redis()

    def start(self) -> None:
        """Start one process of each role."""
        self._stack.migrate()
        self._roles["orchestrator"] = self._stack.start("orchestrator")
        self._roles["engine"] = self._stack.start(*ENGINES)
        self._roles["gateway"] = self._stack.gateway()

    def run(self, fault: Fault) -> Outcome:
        """Do one job with a fault, and check what came of it."""
        key = secrets.token_hex(8)
        plan = self._plans.arm(fault.role, fault.part, fault.mode, n=fault.n)
        began = time.monotonic()
        job_id = self._submit(key)
        job = self._wait(job_id, began)
        seconds = time.monotonic() - began
        # The orchestrator's last call, for the transcript's object, comes after the job's end.
        until(
            lambda: self._plans.hits(plan) or self._has_transcript(job_id),
            "the fault to be met, or all calls to be made",
        )
        hits = self._plans.hits(plan)
        self._plans.disarm()
        self._revive()
        self._check(job, key, fault)
        return Outcome(hits[0] if hits else None, seconds)

    def _submit(self, key: str) -> str:
        """Submit as a careful client does: again, with the same key, until it is answered."""

        def accepted() -> str | None:
            with suppress(httpx.HTTPError):
                answer = self._stack.client.post(
                    TRANSCRIPTIONS,
                    files={"file": ("a.wav", self._audio)},
                    headers={"Idempotency-Key": key},
                )
                if answer.status_code == httpx.codes.ACCEPTED:
                    return str(answer.json()["id"])
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                assert answer.headers["Retry-After"]
                return None
            # One that has just been killed doesn't answer at all any more.
            with suppress(subprocess.TimeoutExpired):
                self._roles["gateway"].ended(0.5)
            self._revive()
            return None

        return until(accepted, "a submission to be accepted", LONGEST_SECONDS)

    def _wait(self, job_id: str, began: float) -> Job:
        """Wait until a job has ended, by asking the database itself."""
        with _database(self._stack.deployment) as (runner, database):

            def ended() -> Job | None:
                self._revive()
                job = runner.run(_find(database, job_id))
                return job if job is not None and job.status.value in TERMINAL else None

            return until(ended, f"{job_id} to end", began + LONGEST_SECONDS - time.monotonic())

    def _has_transcript(self, job_id: str) -> bool:
        store = self._stack.deployment.store()
        return asyncio.run(store.exists(transcript_path(job_id)))

    def _revive(self) -> None:
        """Start again what has been killed."""
        for name, role in list(self._roles.items()):
            if role.is_running():
                continue
            if name == "gateway":
                self._roles[name] = self._stack.gateway()
            elif name == "engine":
                self._end_leases(role.pid)
                self._roles[name] = self._stack.start(*ENGINES)
            else:
                self._roles[name] = self._stack.start(name)

    def _end_leases(self, pid: int) -> None:
        """Spare the test the time after which a dead engine's leases end by themselves."""
        age(self._redis)
        for key in self._redis.scan_iter(f"{LEASES}*"):
            if f"-{pid}-".encode() in (self._redis.hget(key, "instance") or b""):
                self._redis.delete(key)

    def _check(self, job: Job, key: str, fault: Fault) -> None:
        """One job, one end of each task, the right text, and nobody charged for our fault."""
        shown = self._stack.read(job.id, include="history")
        story = [(row["task_id"], row["from_status"], row["to_status"]) for row in shown["history"]]
        ends = [step for step in story if step[2] in {*TERMINAL, "skipped"} and step[1] != step[2]]
        assert shown["status"] == "completed", (fault, shown)
        assert shown["text"] == TEXT, fault
        assert len(ends) == len({step[0] for step in ends}) == 3, (fault, ends)
        whys = [row["why"] for row in shown["history"] if row["to_status"] == "ready"]
        assert not any(why.startswith("retry") for why in whys), (fault, whys)
        lost = sum(why.startswith("lost") for why in whys)
        assert lost <= (fault == ("engine", fault.part, "kill", fault.n)), (fault, whys)
        again = self._stack.client.post(
            TRANSCRIPTIONS,
            files={"file": ("a.wav", self._audio)},
            headers={"Idempotency-Key": key},
        )
        assert again.json()["id"] == job.id, fault


@contextmanager
def _database(deployment: Deployment) -> Iterator[tuple[asyncio.Runner, Database]]:
    with asyncio.Runner() as runner:
        database = Database(deployment.database_url)
        try:
            yield runner, database
        finally:
            runner.run(database.close())


async def _find(database: Database, job_id: str) -> Job | None:
    async with database.read() as connection:
        return await reading.find_job(connection, job_id)


@contextmanager
def nth_call(deployment: Deployment, folder: Path, audio: bytes) -> Iterator[NthCall]:
    """Run a server of one process for each role."""
    plans = FaultPlans(folder)
    settings = {"DALSTON_PIPELINE": "stub", **plans.settings()}
    with running(deployment, module="tests.faults.process", **settings) as stack:
        server = NthCall(stack, plans, audio)
        server.start()
        yield server
