"""What dies in the middle of a job is replaced, and the job ends once, with one result."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment import Deployment, age
from tests.support.gate import ENGINES, Gate, is_alive
from tests.support.stack import TRANSCRIPTIONS, Role, Stack, running
from tests.support.waiting import until

LEASE_AND_SWEEP_SECONDS = 17.0


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def stack(deployment: Deployment, gate: Gate) -> Iterator[Stack]:
    with running(deployment, **gate.settings()) as empty:
        empty.migrate()
        empty.gateway()
        yield empty


def start_engine(stack: Stack, **settings: str) -> Role:
    return stack.start("engine", "run", *ENGINES, fd=None, **settings)


def is_on_record(stack: Stack, *job_ids: str) -> None:
    """Wait until a task's start is on record: what dies before that is not charged to it."""
    until(
        lambda: (
            "running"
            in {task["status"] for job_id in job_ids for task in stack.read(job_id)["tasks"]}
        ),
        "the start to be on record",
    )


def outputs(stack: Stack, job_id: str) -> list[str]:
    """Return where there are outputs of the first task."""
    task_id = stack.read(job_id)["tasks"][0]["id"]
    paths = asyncio.run(stack.deployment.store().list(f"jobs/{job_id}/tasks/{task_id}"))
    return [path for path in paths if path.endswith("output.json")]


def causes(stack: Stack, job_id: str) -> list[str]:
    """Return why tasks came back, from the job's history."""
    history = stack.read(job_id, include="history")["history"]
    return [
        row["why"].partition(":")[0]
        for row in history
        if (row["from_status"], row["to_status"]) == ("running", "ready")
    ]


def test_orchestrator_killed_in_the_middle_of_a_job(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    orchestrator = stack.start("orchestrator")
    start_engine(stack)
    job_id = stack.submit(silence)
    gate.wait_for_runs(1)
    orchestrator.kill()
    gate.open()
    until(gate.done, "the engine to finish while no orchestrator is there")
    assert stack.read(job_id)["status"] == "running"

    stack.start("orchestrator")
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert job["text"] == "Through."
    assert len(gate.begun()) == 1
    assert causes(stack, job_id) == []


def test_no_orchestrator_at_submission(stack: Stack, gate: Gate, silence: Path) -> None:
    gate.open()
    start_engine(stack)
    job_id = stack.submit(silence)
    stack.deployment.redis().flushall()

    stack.start("orchestrator")

    assert stack.ended(job_id)["status"] == "completed"


def test_engine_killed_with_its_children_is_replaced_within_its_lease(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    first = start_engine(stack)
    job_id = stack.submit(silence)
    [child] = gate.wait_for_runs(1)
    is_on_record(stack, job_id)
    age(stack.deployment.redis())
    first.kill()
    until(lambda: not is_alive(child), "the child to die with its supervisor", 2)
    start_engine(stack)

    gate.wait_for_runs(2, seconds=LEASE_AND_SWEEP_SECONDS + 2)
    gate.open()
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert job["tasks"][0]["attempt"] == 2
    assert causes(stack, job_id) == ["lost"]
    assert len(outputs(stack, job_id)) == 1


def test_child_killed_is_reported_within_a_second_and_tried_again(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    engine = start_engine(stack)
    job_id = stack.submit(silence)
    [child] = gate.wait_for_runs(1)
    signal_process(child, signal.SIGSEGV)
    until(lambda: engine.logged("task_failed"), "the crash to be reported", 1)
    gate.wait_for_runs(2)
    gate.open()
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert causes(stack, job_id) == ["retry"]
    assert engine.logged("task_failed")[0]["code"] == "engine_crashed"


def test_60_a_recording_that_kills_every_child_fails_with_a_reason(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    engine = start_engine(stack)
    job_id = stack.submit(silence)
    for attempt in (1, 2, 3):
        gate.wait_for_runs(attempt)
        for child in gate.begun():
            signal_process(child, signal.SIGSEGV)
    job = stack.ended(job_id)

    assert job["status"] == "failed"
    assert job["error"]["code"] == "engine_crashed"
    assert "gated-transcriber" in job["error"]["message"]
    assert "SIGSEGV" in job["error"]["message"]
    assert job["tasks"][0]["error"]["code"] == "engine_crashed"
    assert job["tasks"][1]["status"] == "cancelled"
    assert is_alive(engine.pid)


def signal_process(process_id: int, number: signal.Signals) -> None:
    if is_alive(process_id):
        os.kill(process_id, number)


def test_wiped_redis_affects_no_job_and_no_running_engine(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    engine = start_engine(stack)
    running_job, waiting_job = stack.submit(silence), stack.submit(silence)
    [child] = gate.wait_for_runs(1)
    # Before its start is on record, a wipe may have a task done twice; one result counts then too.
    jobs = (running_job, waiting_job)
    is_on_record(stack, *jobs)
    redis = stack.deployment.redis()
    redis.flushall()
    until(lambda: redis.keys("dalston:lease:*"), "the lease to be recreated")
    gate.open()

    for job_id in jobs:
        assert stack.ended(job_id)["status"] == "completed"
        assert causes(stack, job_id) == []
        assert len(outputs(stack, job_id)) == 1
    assert len(gate.begun()) == 2
    assert child in gate.done()
    assert engine.logged("attempt_closed") == []


def test_engine_told_to_stop_hands_its_task_back_uncharged(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    first = start_engine(stack, DALSTON_GRACE_SECONDS="0.2")
    job_id = stack.submit(silence)
    gate.wait_for_runs(1)
    is_on_record(stack, job_id)
    assert first.stop() == 0
    start_engine(stack)
    gate.wait_for_runs(2)
    gate.open()

    assert stack.ended(job_id)["status"] == "completed"
    assert causes(stack, job_id) == ["released"]


def test_running_job_is_deleted_with_its_child_and_all_its_objects(
    stack: Stack, gate: Gate, silence: Path
) -> None:
    stack.start("orchestrator")
    start_engine(stack)
    job_id = stack.submit(silence)
    [child] = gate.wait_for_runs(1)

    answer = stack.client.delete(f"{TRANSCRIPTIONS}/{job_id}")

    assert answer.status_code == 204
    until(lambda: not is_alive(child), "the running child to be gone", 2)
    assert stack.client.get(f"{TRANSCRIPTIONS}/{job_id}").status_code == 404
    assert stack.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 404
    assert stack.client.get(TRANSCRIPTIONS).json()["jobs"] == []
    assert asyncio.run(stack.deployment.store().list(f"jobs/{job_id}")) == []
    gate.open()
    after = stack.submit(silence)
    assert stack.ended(after)["status"] == "completed"
