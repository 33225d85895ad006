"""Several processes of each role on one set of shared parts: they divide the work among them.

Nothing tells them of each other but the database, Redis and the store. An engine joins in the
middle, another one is told to stop while it works: neither costs a job an attempt.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bench.database import PostgresTables
from dalston.common.redis import EVENT_GROUP, EVENTS
from tests.support.deployment import Deployment
from tests.support.distributed import distributed
from tests.support.gate import Gate
from tests.support.stack import Role, Stack, running
from tests.support.waiting import until

JOBS = 60
GATEWAYS, ORCHESTRATORS, MERGERS = 2, 2, 2
CHARGED = "SELECT count(*) FROM tasks WHERE failures + losses + restarts > 0"
AT_WORK = "SELECT coalesce(string_agg(instance, ' '), '') FROM tasks WHERE status = 'running'"


@pytest.fixture
def parts() -> Iterator[Deployment]:
    with tempfile.TemporaryDirectory(prefix="dalston-") as folder, distributed(Path(folder)) as it:
        yield it


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def stacks(parts: Deployment, gate: Gate) -> Iterator[list[Stack]]:
    """Two gateways at addresses of their own; the other roles are started by the first."""
    settings = gate.settings() | {"DALSTON_GRACE_SECONDS": "1"}
    with ExitStack() as stack:
        made = []
        for number in range(GATEWAYS):
            folder = parts.folder / str(number)
            folder.mkdir()
            own = Deployment(
                parts.name,
                folder,
                parts.database_url,
                parts.redis_url,
                parts.store_settings,
                parts.store_environment,
            )
            made.append(stack.enter_context(running(own, **settings)))
        made[0].migrate()
        for one in made:
            one.gateway()
        yield made


@pytest.fixture
def tables(parts: Deployment, stacks: list[Stack]) -> Iterator[PostgresTables]:
    assert stacks, "the tables are there once the stacks are"
    with closing(PostgresTables(parts.database_url)) as connection:
        yield connection


def test_all_share_the_work_while_engines_come_and_go(
    parts: Deployment, stacks: list[Stack], tables: PostgresTables, gate: Gate, silence: Path
) -> None:
    first = stacks[0]
    orchestrators = [first.start("orchestrator") for _ in range(ORCHESTRATORS)]
    mergers = [first.start("engine", "run", "stub-merger") for _ in range(MERGERS)]
    leaving, staying = (start_transcriber(first) for _ in range(2))
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda n: stacks[n % GATEWAYS].submit(silence), range(JOBS)))
    gate.wait_for_runs(2)
    joining = start_transcriber(first)
    gate.wait_for_runs(3)
    until(lambda: len(at_work(tables)) == 3, "each of three engine processes to have a task")
    before = at_work(tables)

    assert leaving.stop() == 0
    until(lambda: len(at_work(tables)) == 2, "the task of the one that left to be handed back")
    left = before - at_work(tables)
    gate.open()
    # Each job is read from the gateway that did not take it.
    ended = [stacks[(n + 1) % GATEWAYS].ended(job_id, 60) for n, job_id in enumerate(jobs)]

    assert {(job["status"], job["text"]) for job in ended} == {("completed", "Through.")}
    histories = [first.read(job_id, include="history")["history"] for job_id in jobs]
    assert all(completions(history) == 3 for history in histories), "two tasks and the job, once"
    assert instances(histories, "gated-transcriber") == before - left
    assert len(instances(histories, "stub-merger")) == MERGERS
    assert came_back(histories) == ["released"]
    assert tables.value(CHARGED) == 0
    assert len(gate.done()) == JOBS, "no work was done twice"
    consumers: Any = parts.redis().xinfo_consumers(EVENTS, EVENT_GROUP)
    assert len(consumers) == ORCHESTRATORS
    for role in (staying, joining, *mergers, *orchestrators):
        assert role.stop() == 0


def start_transcriber(stack: Stack) -> Role:
    return stack.start("engine", "run", "gated-transcriber")


def at_work(tables: PostgresTables) -> set[str]:
    """Return the engine instances that have a running task."""
    return set(tables.value(AT_WORK).split())


def completions(history: list[dict[str, Any]]) -> int:
    return sum(row["to_status"] == "completed" for row in history)


def instances(histories: list[list[dict[str, Any]]], engine: str) -> set[str]:
    """Return which instances of an engine completed something."""
    return {
        row["instance"]
        for history in histories
        for row in history
        if row["to_status"] == "completed" and engine in str(row["instance"])
    }


def came_back(histories: list[list[dict[str, Any]]]) -> list[str]:
    """Return why tasks came back that had been running."""
    return [
        row["why"].partition(":")[0]
        for history in histories
        for row in history
        if (row["from_status"], row["to_status"]) == ("running", "ready")
    ]
