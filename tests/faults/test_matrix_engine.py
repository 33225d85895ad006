"""The rows of the failure matrix that are about engines; docs/reliability.md lists them all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from dalston.common.errors import StoreUnavailableError
from dalston.common.messages import TaskErrored
from dalston.common.redis import EVENTS, LEASES, STEADY, queue_key
from dalston.engine_sdk import patience
from tests.faults.breakable import Breakable, frozen
from tests.support.gate import ENGINES, Gate
from tests.support.obedient import ENGINES as OBEDIENT_ENGINES
from tests.support.obedient import Obedient, recording, text_of
from tests.support.runner_bench import new_bench
from tests.support.stack import Role, Stack, running
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
"""A busy machine may take a while to start so many processes."""


@pytest.fixture(scope="module")
def stack(parts: Breakable, gates: Gate, obedient: Obedient) -> Iterator[Stack]:
    settings = {**gates.settings(), **obedient.settings(), **parts.settings}
    module = "tests.faults.process"
    with running(parts.deployment, module=module, **settings) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.gateway()
        yield stack


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Only says where the engines are: each test has a gate of its own."""
    return Gate(tmp_path_factory.mktemp("gates"))


class Engines:
    """The engines that one test starts; nothing of them is left behind it."""

    def __init__(self, stack: Stack, gate: Gate) -> None:
        self.stack = stack
        self._gate = gate
        self._roles: list[Role] = []

    def start(self, *engines: str) -> Role:
        """Start a process with engines."""
        names = engines or ENGINES
        role = self.stack.start("engine", "run", *names, TEST_GATE=str(self._gate.folder))
        self._roles.append(role)
        return role

    def kill(self) -> None:
        """End them all."""
        for role in self._roles:
            role.kill()


@pytest.fixture
def engines(stack: Stack, gate: Gate) -> Iterator[Engines]:
    engines = Engines(stack, gate)
    yield engines
    engines.kill()


def whys(stack: Stack, job_id: str) -> list[str]:
    """Return why the first task came back, in words for programs: `retry: …` and so on."""
    shown = stack.read(job_id, include="history")
    own = shown["tasks"][0]["id"]
    return [
        row["why"]
        for row in shown["history"]
        if row["task_id"] == own and row["to_status"] == "ready" and row["from_status"] is not None
    ]


def is_on_record(stack: Stack, job_id: str) -> None:
    until(lambda: stack.read(job_id)["tasks"][0]["status"] == "running", "the start on record")


def end_leases(parts: Breakable) -> None:
    """Do at once what fifteen seconds without a renewal do."""
    parts.redis.age()
    with parts.redis.client() as client:
        for key in client.scan_iter(f"{LEASES}*"):
            client.delete(key)


@pytest.mark.parametrize("wakes", ["before the other ends", "behind the other"])
def test_supervisor_frozen_wakes_late(
    parts: Breakable, engines: Engines, gate: Gate, silence: Path, wakes: str
) -> None:
    stack = engines.stack
    first = engines.start()
    job_id = stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    is_on_record(stack, job_id)
    with frozen(first.pid):
        gate.open()
        until(gate.done, "the frozen supervisor's child to be done")
        if wakes == "before the other ends":
            (gate.folder / "open").unlink()
        end_leases(parts)
        until(lambda: stack.read(job_id)["tasks"][0]["attempt"] == 2, "the task to be lost")
        second = engines.start()
        gate.wait_for_runs(2)
        if wakes == "behind the other":
            stack.ended(job_id)
    gate.open()
    job = stack.ended(job_id)
    second.kill()
    # It goes on with other work: what it had to say about the first has been said by then.
    after = stack.submit(silence, pipeline="gated")
    assert stack.ended(after)["status"] == "completed"

    job = stack.read(job_id)
    assert (job["status"], job["text"]) == ("completed", "Through.")
    assert [why.partition(":")[0] for why in whys(stack, job_id)] == ["lost"]
    history = stack.read(job_id, include="history")["history"]
    own = [row for row in history if row["task_id"] == job["tasks"][0]["id"]]
    [end] = [row for row in own if row["to_status"] == "completed"]
    assert end["attempt"] == 2
    assert f"-{first.pid}-" not in end["instance"]


LEASE_AND_SWEEP_SECONDS = 17.0
MISDEEDS = {
    "crash": "engine_crashed",
    "be killed": "engine_out_of_memory",
    "run out of memory": "engine_out_of_memory",
    "hang": "engine_timeout",
    "lie": "invalid_engine_output",
}
"""What an engine may do, and the reason that is given."""


def test_engine_crashes_runs_out_of_memory_hangs_or_lies_once(
    stack: Stack, engines: Engines, obedient: Obedient
) -> None:
    engine = engines.start(*OBEDIENT_ENGINES)
    recordings = {do: recording(do=do) for do in MISDEEDS}
    jobs = {do: stack.submit(audio) for do, audio in recordings.items()}
    for do, code in MISDEEDS.items():
        job = stack.ended(jobs[do])

        assert (job["status"], job["text"]) == ("completed", text_of(recordings[do])), do
        assert obedient.tries(job["tasks"][0]["id"]) == 2
        assert [why.partition(":")[0] for why in whys(stack, jobs[do])] == ["retry"]
        about = [line for line in engine.logged("task_failed") if line["job_id"] == jobs[do]]
        assert [line["code"] for line in about] == [code]
    assert engine.is_running()


def test_engine_crashes_or_lies_always(stack: Stack, engines: Engines, obedient: Obedient) -> None:
    engines.start(*OBEDIENT_ENGINES)
    jobs = {do: stack.submit(recording(do=do, tries=99)) for do in MISDEEDS if do != "hang"}
    healthy = recording(seconds=0)
    after = stack.submit(healthy)
    for do, job_id in jobs.items():
        job = stack.ended(job_id)

        assert job["status"] == "failed"
        assert job["error"]["code"] == MISDEEDS[do]
        assert job["error"]["message"]
        assert obedient.tries(job["tasks"][0]["id"]) == (2 if do == "lie" else 3)
        assert job["tasks"][1]["status"] == "cancelled"
    assert stack.ended(after)["text"] == text_of(healthy), "the engine lives"


def test_upload_of_an_output_fails_for_a_while(
    parts: Breakable, stack: Stack, engines: Engines, gate: Gate, silence: Path
) -> None:
    engine = engines.start()
    job_id = stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    parts.break_store()
    gate.open()
    until(lambda: engine.logged("store_unavailable"), "the store to be missed")
    parts.mend_store()
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert len(gate.begun()) == 1, "what was done is kept until the store is back"
    assert whys(stack, job_id) == []


async def test_upload_of_an_output_fails_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STORE_PATIENCE_SECONDS", 0.5)
    async with new_bench(tmp_path) as bench:
        entry = await bench.entry(keep=True)

        async def fail(path: str, data: bytes | Path) -> None:
            del data
            raise StoreUnavailableError(f"{path} can't be written")

        async with bench.running():
            monkeypatch.setattr(bench.store, "put", fail)
            await bench.publish(entry)
            await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "the failure to be said")
    [event] = bench.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert (event.error.code, event.error.retryable) == ("output_store_failed", True)


def test_completion_is_lost(
    parts: Breakable, stack: Stack, engines: Engines, gate: Gate, silence: Path
) -> None:
    """Its event is gone: the attempt's lease, or its object, says so too."""
    orchestrator = stack.roles[0]
    engines.start()
    job_id = stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    is_on_record(stack, job_id)
    with parts.redis.client() as client:
        with frozen(orchestrator.pid):
            # Redis would hand the event to whoever already waits for it.
            until(lambda: not readers(client), "nobody to wait for events")
            gate.open()
            until(lambda: "task.completed" in types(client), "the completion to be said")
            client.xtrim(EVENTS, maxlen=0, approximate=False)
        job = stack.ended(job_id, LEASE_AND_SWEEP_SECONDS)

    assert job["status"] == "completed"
    assert len(gate.begun()) == 1
    assert whys(stack, job_id) == []


def test_completion_is_doubled(
    parts: Breakable, stack: Stack, engines: Engines, gate: Gate, silence: Path
) -> None:
    gate.open()
    engines.start()
    with parts.redis.client() as client:
        client.xtrim(EVENTS, maxlen=0, approximate=False)
        job_id = stack.submit(silence, pipeline="gated")
        until(lambda: types(client).count("task.completed") >= 1, "a completion")
        for _ in range(3):
            replay(client)
        assert stack.ended(job_id)["status"] == "completed"
        for _ in range(3):
            replay(client)
        after = stack.submit(silence, pipeline="gated")
        assert stack.ended(after)["status"] == "completed"

    history = stack.read(job_id, include="history")["history"]
    ends = [row["task_id"] for row in history if row["to_status"] == "completed"]
    assert len(ends) == len(set(ends)) == 3
    assert len(gate.begun()) == 2


def readers(client: redis.Redis) -> list[dict[str, str]]:
    """Return the clients that wait for events."""
    found: Any = client.client_list()
    return [one for one in found if one["cmd"] == "xreadgroup" and "b" in one["flags"]]


def types(client: redis.Redis) -> list[str]:
    """Return what kinds of events the stream holds."""
    return [event["type"] for event in events(client)]


def events(client: redis.Redis) -> list[dict[str, Any]]:
    found: Any = client.xrange(EVENTS)
    return [json.loads(fields[b"data"]) for _, fields in found]


def replay(client: redis.Redis) -> None:
    """Send again all that was sent."""
    for event in events(client)[:50]:
        client.xadd(EVENTS, {"data": json.dumps(event)})


def test_no_object_of_a_lost_attempt_is_the_result(
    parts: Breakable, stack: Stack, engines: Engines, gate: Gate, silence: Path
) -> None:
    """Two attempts may leave an output each: the row points at one."""
    first = engines.start()
    job_id = stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    is_on_record(stack, job_id)
    first.kill()
    end_leases(parts)
    engines.start()
    gate.wait_for_runs(2)
    gate.open()
    job = stack.ended(job_id)
    task_id = job["tasks"][0]["id"]
    paths = asyncio.run(parts.deployment.store().list(f"jobs/{job_id}/tasks/{task_id}"))
    assert len({path.split("/")[4] for path in paths if path.endswith("output.json")}) == 1
    assert job["tasks"][0]["attempt"] == 2


def test_nothing_of_a_killed_engine_stays_on_the_disk(
    stack: Stack, engines: Engines, gate: Gate, silence: Path
) -> None:
    """A recording lies in a temporary folder while it is worked on."""
    temporary = stack.deployment.folder / "tmp"
    first = engines.start()
    job_id = stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    first.kill()
    assert [path.name for path in temporary.glob("*/original.wav")] == ["original.wav"]
    second = engines.start()
    until(lambda: second.logged("engine_ready"), "another engine")

    assert list(temporary.glob("*/original.wav")) == []
    assert len(list(temporary.glob("*.lock"))) == len(ENGINES), "of the engines that live"
    stack.client.delete(f"/v1/audio/transcriptions/{job_id}")


def test_redis_wiped_while_a_task_waits(
    parts: Breakable, engines: Engines, gate: Gate, silence: Path
) -> None:
    """Nothing happens then that could remind anybody of the task, but the sweep."""
    gate.open()
    job_id = engines.stack.submit(silence, pipeline="gated")
    with parts.redis.client() as client:
        until(lambda: client.llen(queue_key("gated-transcriber")), "the task to wait in its queue")
        client.flushall()
    engines.start()

    assert engines.stack.ended(job_id)["status"] == "completed"
    assert whys(engines.stack, job_id) == []


def test_redis_wiped_while_a_supervisor_is_frozen(
    parts: Breakable, engines: Engines, gate: Gate, silence: Path
) -> None:
    """A lease that is missing has not ended, as long as Redis is younger than a lease."""
    supervisor = engines.start()
    job_id = engines.stack.submit(silence, pipeline="gated")
    gate.wait_for_runs(1)
    is_on_record(engines.stack, job_id)
    with frozen(supervisor.pid), parts.redis.client() as client:
        client.flushall()
        until(lambda: age(client) >= SWEEPS_SECONDS, "some sweeps to pass")
    gate.open()

    assert engines.stack.ended(job_id)["status"] == "completed"
    assert whys(engines.stack, job_id) == []
    assert len(gate.begun()) == 1


SWEEPS_SECONDS = 3


def age(client: redis.Redis) -> float:
    """Return for how many seconds the sweeps have known this Redis."""
    now: Any = client.time()
    since: Any = client.get(STEADY)
    return 0.0 if since is None else float(now[0] - int(since))
