"""One run: jobs and faults at the same time, then peace, then the account."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from dalston.common.redis import LEASES
from tests.chaos.clients import Clients, Submitted
from tests.chaos.fleet import Fleet
from tests.faults.breakable import (
    Breakable,
    RestartablePostgreSQL,
    breakable,
    frozen,
    restartable_postgresql,
)
from tests.support.obedient import Obedient
from tests.support.waiting import until

WEIGHTS = {
    "child": 44,
    "engine": 14,
    "orchestrator": 14,
    "gateway": 10,
    "freeze": 8,
    "wipe Redis": 4,
    "restart Redis": 3,
    "restart PostgreSQL": 3,
}
"""How often each fault is drawn, out of a hundred."""
_TELL_SECONDS = 60
LONG_FREEZES = 0.1
"""Share of freezes that last as long as they may."""
TERMINAL = ("completed", "failed", "cancelled")
_TASKS = "SELECT id, job_id FROM tasks"
_JOBS = "SELECT id, status, error_code, error_message FROM jobs"
_HISTORY = (
    "SELECT job_id, coalesce(task_id, job_id) AS subject, from_status, to_status, why FROM history"
    " ORDER BY id"
)


@dataclass(frozen=True)
class Plan:
    """How long and how hard.

    Attributes:
        seconds: For how long there are faults; jobs come meanwhile.
        settle_seconds: How long the rest may take in peace.
        pause: Seconds between two faults, on average.
        longest_freeze: In seconds; beyond a lease a long run goes.
    """

    seed: int
    jobs: int = 300
    seconds: float = 45.0
    settle_seconds: float = 75.0
    pause: float = 0.25
    longest_freeze: float = 2.0
    sizes: dict[str, int] = field(
        default_factory=lambda: {"gateway": 2, "orchestrator": 3, "engine": 2}
    )


@dataclass
class Account:
    """What came of it.

    Attributes:
        lost: Recordings that were accepted and have no ended job.
        doubled_results: Jobs of one recording, ends of one job or task, beyond the first.
        doubled_executions: Of healthy recordings, tries of a task that was tried before: they
            cost time, nothing else.
        wrong: Completed jobs whose transcript is not the right one.
        unfair: Healthy recordings whose job failed.
        unreasoned: Failed jobs without a reason.
        left: What was left behind, and where.
    """

    faults: dict[str, int]
    statuses: dict[str, int]
    lost: list[str] = field(default_factory=list)
    doubled_results: list[str] = field(default_factory=list)
    doubled_executions: int = 0
    wrong: list[str] = field(default_factory=list)
    unfair: list[str] = field(default_factory=list)
    unreasoned: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def complaints(self) -> dict[str, list[str]]:
        """Return everything that must be empty and isn't."""
        names = ("lost", "doubled_results", "wrong", "unfair", "unreasoned", "left")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class Chaos:
    """The faults, one after the other."""

    def __init__(
        self, plan: Plan, fleet: Fleet, parts: Breakable, postgres: RestartablePostgreSQL
    ) -> None:
        self._plan = plan
        self._draw = random.Random(plan.seed)
        self._fleet = fleet
        self._parts = parts
        self._postgres = postgres

    def reign(self, clients: Clients) -> None:
        """Do one fault after the other until the time is over."""
        end = time.monotonic() + self._plan.seconds
        tell_at = time.monotonic() + _TELL_SECONDS
        while time.monotonic() < end or not clients.is_done():
            if time.monotonic() > end + self._plan.settle_seconds:
                return
            self._fleet.revive()
            if time.monotonic() > tell_at:
                tell_at += _TELL_SECONDS
                self._tell(clients)
            if time.monotonic() < end:
                [fault] = self._draw.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
                self._do(fault)
            time.sleep(self._draw.uniform(0, 2 * self._plan.pause))

    def _tell(self, clients: Clients) -> None:
        accepted = sum(bool(one.jobs) for one in clients.submitted)
        with suppress(OSError, asyncpg.PostgresError):
            over = len(ended(self._postgres.url()))
            print(f"{accepted} jobs, {over} ended, {self._fleet.kills()} kills", flush=True)

    def _do(self, fault: str) -> None:
        if fault == "child":
            self._fleet.kill_child(self._draw)
        elif fault in {"engine", "orchestrator", "gateway"}:
            self._fleet.kill(fault, self._draw)
        elif fault == "freeze":
            with frozen(self._fleet.choose(self._draw)):
                # Nothing else happens meanwhile, so few are as long as they may be.
                longest = self._plan.longest_freeze
                is_long = self._draw.random() < LONG_FREEZES
                time.sleep(longest if is_long else self._draw.uniform(0.1, longest / 4))
        else:
            self._fleet.done[fault] += 1
            if fault == "wipe Redis":
                with self._parts.redis.client() as client:
                    client.flushall()
            elif fault == "restart Redis":
                self._parts.redis.kill()
                self._parts.redis.start()
            else:
                self._postgres.crash()
                self._postgres.start()


def run(plan: Plan) -> Account:
    """Do a run and return its account."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dalston-")))
        marks = folder / "marks"
        marks.mkdir()
        obedient = Obedient(marks)
        postgres = stack.enter_context(restartable_postgresql())
        parts = stack.enter_context(breakable("distributed", folder, postgres.url()))
        fleet = Fleet(parts, obedient, plan.sizes)
        stack.callback(fleet.close)
        urls = [one.url for one in fleet.stacks]
        clients = Clients(urls, plan.jobs, plan.seconds, plan.seed)
        stack.callback(clients.stopped.set)
        clients.start()
        Chaos(plan, fleet, parts, postgres).reign(clients)
        clients.join()
        accepted = {job_id for one in clients.submitted for job_id in one.jobs}

        def all_ended() -> bool:
            fleet.revive()
            return accepted <= ended(postgres.url())

        # What has not ended by then is in the account.
        with suppress(AssertionError):
            until(all_ended, "every job to end", plan.settle_seconds)
        account = account_of(clients.submitted, postgres.url(), fleet, obedient)
        account.left = leftovers(parts, fleet, postgres.url())
        return account


def rows(url: str, query: str) -> list[Any]:
    """Ask the database itself."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    return asyncio.run(ask())


def ended(url: str) -> set[str]:
    """Return the jobs that have ended."""
    return {row["id"] for row in rows(url, _JOBS) if row["status"] in TERMINAL}


def account_of(submitted: list[Submitted], url: str, fleet: Fleet, obedient: Obedient) -> Account:
    """Compare what is there with what was submitted."""
    jobs = {row["id"]: row for row in rows(url, _JOBS)}
    account = Account(dict(fleet.done), dict(Counter(row["status"] for row in jobs.values())))
    named = {job_id for one in submitted for job_id in one.jobs}
    account.doubled_results += [f"{job_id} was never asked for" for job_id in jobs.keys() - named]
    ends: Counter[str] = Counter()
    for row in rows(url, _HISTORY):
        if row["to_status"] in {*TERMINAL, "skipped"} and row["from_status"] != row["to_status"]:
            ends[row["subject"]] += 1
    account.doubled_results += [f"{subject} ended twice" for subject, n in ends.items() if n > 1]
    for one in submitted:
        if len(one.jobs) > 1:
            account.doubled_results.append(f"{one.key}: {sorted(one.jobs)}")
        for job_id in one.jobs:
            _judge(account, one, jobs.get(job_id), fleet)
    healthy = {job_id for one in submitted if not one.poison for job_id in one.jobs}
    tries = obedient.tries_by_task()
    tasks = [row["id"] for row in rows(url, _TASKS) if row["job_id"] in healthy]
    account.doubled_executions = sum(max(0, tries[task_id] - 1) for task_id in tasks)
    return account


def _judge(account: Account, one: Submitted, job: Any, fleet: Fleet) -> None:
    if job is None or job["status"] not in TERMINAL:
        account.lost.append(one.key)
    elif job["status"] == "failed":
        if not job["error_code"] or not job["error_message"]:
            account.unreasoned.append(job["id"])
        if not one.poison:
            account.unfair.append(f"{job['id']}: {job['error_code']}")
    elif one.poison:
        account.wrong.append(f"{job['id']} can't have a transcript")
    else:
        stack = fleet.stacks[0]
        until(stack.is_alive, "a gateway to answer", 60)
        if stack.read(job["id"])["text"] != one.text:
            account.wrong.append(job["id"])


def leftovers(parts: Breakable, fleet: Fleet, url: str) -> list[str]:
    """Stop everything, and return what is left that should not be."""
    with parts.redis.client() as client:

        def waiting() -> list[str]:
            names = [str(key, "utf-8") for key in client.scan_iter("dalston:*")]
            begins = ("dalston:queue:", "dalston:job:", LEASES)
            return [name for name in names if name.startswith(begins)]

        try:
            # Closed leases go away by themselves.
            until(lambda: not waiting(), "Redis to hold no work", 25)
        except AssertionError:
            left = waiting()
        else:
            left = []
    left += [f"exit status {status}" for status in fleet.stop() if status != 0]
    left += [f"process {pid}" for pid in fleet.survivors()]
    for stack in fleet.stacks:
        # What the last one to be killed left, the next one to start would remove.
        found = list((stack.deployment.folder / "tmp").glob("*"))
        left += [f"{path.name} in a temporary folder" for path in found]
    known = {row["id"] for row in rows(url, _JOBS)}
    objects = asyncio.run(parts.deployment.store().list("jobs"))
    orphans = {path.split("/")[1] for path in objects} - known
    if len(orphans) > fleet.done["gateway killed"] + fleet.done["restart PostgreSQL"] * 10:
        left.append(f"{len(orphans)} recordings that are no job's")
    return left
