"""An engine's runner on a real Valkey, a real store and real children."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from dalston.common.leases import LeaseState
from dalston.common.messages import (
    TaskCompleted,
    TaskErrored,
    TaskReleased,
    TaskStarted,
)
from dalston.common.redis import lease_key
from dalston.common.storage import output_path
from dalston.engine_sdk import patience, reports
from dalston.engine_sdk.io import SHORT_AUDIO_BYTES
from dalston.engine_sdk.reports import Reporter
from tests.support.files import files_below
from tests.support.gate import is_alive
from tests.support.runner_bench import ENGINE, YAML, Bench, is_running, until_true

QUICK_SECONDS = 0.05
"""What is done sooner sends no start."""


async def warm_up(bench: Bench) -> None:
    """Let the runner learn how quick its engine is."""
    entries = [await bench.entry() for _ in range(5)]
    await bench.publish(*entries)
    await bench.completed(*entries)


async def test_each_of_many_tasks_gets_its_own_result(bench: Bench) -> None:
    entries = [await bench.entry(f"audio {number}") for number in range(120)]
    async with bench.running(slots=2):
        await bench.publish(*entries)
        await bench.completed(*entries)

        for number, entry in enumerate(entries):
            output = await bench.output(entry)
            expected = {"id": entry.task_id, "audio": f"audio {number}", "found": []}
            assert output == expected

        async def has_both_slots() -> bool:
            await bench.listen()
            [instance] = (await bench.queue.instances([ENGINE]))[ENGINE]
            return instance.slots == 2

        # The first one may have done all before the second one's child has loaded its engine.
        await until_true(has_both_slots, "the second slot")
    assert all(len(bench.of(TaskCompleted, entry)) == 1 for entry in entries)


async def test_the_audio_is_brought_only_to_engines_that_need_it(bench: Bench) -> None:
    (bench.folder / "engine.yaml").write_text(YAML + "needs: {audio: false}\n")
    entry = await bench.entry()
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
        assert (await bench.output(entry))["audio"] is None


async def test_a_shorter_recording_is_not_followed_by_the_rest_of_a_longer_one(
    bench: Bench,
) -> None:
    entries = [await bench.entry(text) for text in ("a long recording", "short", "", "longer")]
    async with bench.running():
        for entry in entries:
            await bench.publish(entry)
            await bench.completed(entry)
        outputs = [await bench.output(entry) for entry in entries]
    assert [output["audio"] for output in outputs] == ["a long recording", "short", "", "longer"]


async def test_no_recording_stays_on_disk_when_nothing_is_done(bench: Bench) -> None:
    entry = await bench.entry("private")
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)

        async def is_gone() -> bool:
            await bench.listen()
            return "original.wav" not in {path.name for path in files_below(bench.folder / "tmp")}

        await until_true(is_gone, "the recording to be removed")


async def test_a_quick_task_sends_no_start(bench: Bench) -> None:
    async with bench.running():
        await warm_up(bench)
        quick = [await bench.entry() for _ in range(10)]
        await bench.publish(*quick)
        await bench.completed(*quick)
    done_at_once = []
    for entry in quick:
        [event] = bench.of(TaskCompleted, entry)
        assert isinstance(event, TaskCompleted)
        if event.seconds < QUICK_SECONDS:
            done_at_once.append(entry)
    assert done_at_once, "this machine is too busy for anything to be quick"
    assert not [entry for entry in done_at_once if bench.of(TaskStarted, entry)]


async def test_a_slow_task_says_that_it_has_started_while_it_computes(bench: Bench) -> None:
    slow = await bench.entry(gate=str(bench.gate()))
    async with bench.running():
        await bench.publish(slow)
        await bench.until(lambda: bool(bench.of(TaskStarted, slow)), "the start")
        lease = (await bench.queue.leases([slow.task_id]))[slow.task_id]
        assert lease.state is LeaseState.RUNNING
        bench.gate().touch()
        await bench.completed(slow)
    kinds = [type(event) for event in bench.heard]
    assert kinds == [TaskStarted, TaskCompleted]
    [event] = bench.of(TaskCompleted, slow)
    assert isinstance(event, TaskCompleted)
    assert event.seconds >= QUICK_SECONDS


async def test_a_failure_says_that_it_was_tried(bench: Bench) -> None:
    odd = await bench.entry(fail=True)
    async with bench.running():
        await bench.publish(odd)
        await bench.until(lambda: bool(bench.of(TaskErrored, odd)), "the failure")
    assert [type(event) for event in bench.heard] == [TaskStarted, TaskErrored]


async def test_what_was_claimed_ahead_is_handed_back_at_once_on_a_stop(bench: Bench) -> None:
    current = await bench.entry(gate=str(bench.gate()))
    # A slow machine claims few ahead.
    others = [await bench.entry() for _ in range(3)]
    async with bench.running() as runner:
        await warm_up(bench)
        await bench.publish(current, *others)
        names = [lease_key(entry.task_id) for entry in others]
        await until_true(lambda: _exist(bench, names), "several to be claimed ahead")
        leases = await bench.queue.leases([entry.task_id for entry in others])
        assert {lease.state for lease in leases.values()} == {LeaseState.PREFETCH}
        bench.heard.clear()

        runner.stop()

        await until_true(lambda: _none_exists(bench, names), "their leases to be gone")
        assert await bench.waiting() == [entry.task_id for entry in others]
        assert not bench.of(TaskCompleted, current)
        bench.gate().touch()
        await bench.completed(current)
    assert {type(event) for event in bench.heard} <= {TaskStarted, TaskCompleted}
    assert {getattr(event, "task_id", "") for event in bench.heard} == {current.task_id}


async def test_a_task_that_takes_long_keeps_only_one_claimed_ahead(bench: Bench) -> None:
    current = await bench.entry(gate=str(bench.gate()))
    # A slow machine claims few ahead.
    others = [await bench.entry() for _ in range(3)]
    async with bench.running():
        await warm_up(bench)
        await bench.publish(current, *others)
        names = [lease_key(entry.task_id) for entry in others]
        await until_true(lambda: _exist(bench, names), "several to be claimed ahead")
        await until_true(lambda: _none_exists(bench, names[1:]), "all but one to be handed back")
        assert await bench.waiting() == [entry.task_id for entry in others[1:]]
        bench.gate().touch()
        await bench.completed(current, *others)


async def test_a_slow_store_neither_holds_up_nor_mixes_up_the_next_task(bench: Bench) -> None:
    first, second = await bench.entry("one", keep=True), await bench.entry("two", keep=True)
    released = bench.store.hold(first.task_id)
    async with bench.running():
        await bench.publish(first, second)
        await bench.completed(second)
        assert not bench.of(TaskCompleted, first)
        released.set()
        await bench.completed(first)

        for entry, text in ((first, "one"), (second, "two")):
            output = await bench.output(entry)
            expected = {"id": entry.task_id, "audio": text, "found": ["kept.txt"]}
            assert output == expected
            [event] = bench.of(TaskCompleted, entry)
            assert isinstance(event, TaskCompleted)
            path = output_path(entry.job_id, entry.task_id, event.folder)
            kept = await bench.store.get(path.replace("output.json", "kept.txt"))
            assert kept.decode() == entry.task_id


FOREIGN = """
from pathlib import Path

from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        return TaskOutput({}, {"model.bin": Path(input.config["file"])})
"""


async def test_a_file_from_elsewhere_is_neither_kept_nor_removed(
    bench: Bench, tmp_path: Path
) -> None:
    (bench.folder / "engine.py").write_text(FOREIGN)
    precious = tmp_path / "model.bin"
    precious.write_text("weights")
    entry = await bench.entry(file=str(precious))
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "its refusal")
    assert precious.read_text() == "weights"


@pytest.mark.parametrize("file", ["/" + "x" * 300, "x" * 300])
async def test_what_is_no_path_at_all_is_refused(bench: Bench, file: str) -> None:
    code = FOREIGN.replace("Path(input", "Path(input.work_folder, input")
    (bench.folder / "engine.py").write_text(code)
    entry = await bench.entry(file=file)
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "its refusal")
    [event] = bench.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert event.error.code == "invalid_engine_output"


async def test_a_last_stage_must_give_a_transcript(bench: Bench) -> None:
    code = "from dalston.engine_sdk import *\n\nclass Odd(Engine):\n    def process(self, input):\n"
    code += "        return TaskOutput({'text': 'a', 'segments': [{'text': 'a'}]})\n"
    (bench.folder / "engine.py").write_text(code)
    between = await bench.entry()
    last = msgspec.structs.replace(await bench.entry(), final=True)
    async with bench.running():
        for entry in (between, last):
            await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskCompleted, between)), "the other one's end")
        await bench.until(lambda: bool(bench.of(TaskErrored, last)), "its refusal")
    [event] = bench.of(TaskErrored, last)
    assert isinstance(event, TaskErrored)
    assert event.error.code == "invalid_engine_output"
    assert "segments[0]: Object missing required field `start`" in event.error.message


READS = """
from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        with input.open_audio() as audio:
            return TaskOutput({"heard": audio.read().decode()})
"""


@pytest.mark.parametrize("audio", ["true", "on_demand"])
async def test_a_task_whose_job_is_in_another_store_is_left_to_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, audio: str
) -> None:
    monkeypatch.setattr(reports, "_MOST_ELSEWHERE", 2)
    monkeypatch.setattr(reports, "_STORE_PAUSE_SECONDS", 0.1)
    (bench.folder / "engine.yaml").write_text(f"{YAML}needs: {{audio: {audio}}}\n")
    (bench.folder / "engine.py").write_text(READS)
    entry = msgspec.structs.replace(await bench.entry(), audio_bytes=SHORT_AUDIO_BYTES + 1)
    broken = msgspec.structs.replace(await bench.entry(), audio_bytes=SHORT_AUDIO_BYTES + 1)
    await bench.store.delete_below(f"jobs/{entry.job_id}")
    await bench.store.delete(broken.audio)
    await bench.store.put(f"jobs/{broken.job_id}/transcript.json", b"{}")
    again = msgspec.structs.replace(entry, hand_out=2)
    async with bench.running():
        for one in (entry, broken):
            await bench.publish(one)
        await bench.until(lambda: bool(bench.of(TaskReleased, entry)), "it to be handed back")
        await bench.until(lambda: bool(bench.of(TaskErrored, broken)), "the other's failure")
        assert not bench.of(TaskErrored, entry)
        await bench.publish(again)
        await bench.until(lambda: bool(bench.of(TaskErrored, again)), "its failure in the end")
    [event] = bench.of(TaskErrored, again)
    assert isinstance(event, TaskErrored)
    assert event.error.code == "object_missing"
    assert "S3_BUCKET" in event.error.message


@pytest.mark.parametrize("what", ["carry", "_report_output"])
async def test_a_fault_of_our_own_is_charged_to_the_task(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Reporter, what, fail)
    entry = await bench.entry()
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "the failure")
    [event] = bench.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert (event.error.code, event.error.retryable) == ("engine_error", True)


MORTAL = """
import os, threading, time
from pathlib import Path

from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        def die():
            while not gate.exists():
                time.sleep(0.01)
            os._exit(3)

        if "die" in input.config:
            gate = Path(input.config["die"])
            Path(f"{gate}.process").write_text(str(os.getpid()))
            threading.Thread(target=die).start()
        return TaskOutput({})
"""


async def test_a_task_that_has_not_begun_is_not_charged_with_the_death_of_its_engine(
    bench: Bench,
) -> None:
    (bench.folder / "engine.py").write_text(MORTAL)
    gate = bench.gate()
    first, second = await bench.entry(die=str(gate)), await bench.entry()
    async with bench.running():
        await bench.publish(first)
        await bench.completed(first)
        process = int(Path(f"{gate}.process").read_text())  # noqa: ASYNC240 - a few bytes
        released = bench.store.hold(second.job_id)
        await bench.publish(second)
        await until_true(lambda: is_running(bench, second), "the second one's turn")
        gate.touch()
        await bench.until(lambda: not is_alive(process), "the engine to be gone")
        released.set()
        await bench.until(lambda: bool(bench.of(TaskReleased, second)), "its release")
    assert not bench.of(TaskErrored, second)


async def test_an_object_that_the_store_does_not_give_is_charged_to_its_task(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STORE_PATIENCE_SECONDS", 0.1)
    bad, good = await bench.entry(), await bench.entry("good")
    bench.store.refuse(bad.audio)
    await bench.publish(bad, good)
    async with bench.running():
        await bench.completed(good)
        await bench.until(lambda: bool(bench.of(TaskErrored, bad)), "the failure")
    [event] = bench.of(TaskErrored, bad)
    assert isinstance(event, TaskErrored)
    assert (event.error.code, event.error.retryable) == ("object_unreadable", True)
    assert not bench.of(TaskReleased, bad)


async def test_an_instance_tells_its_pace(bench: Bench) -> None:
    async with bench.running():
        await until_true(lambda: _pace_is(bench, lambda pace: pace == 0), "a first announcement")
        await warm_up(bench)
        await until_true(lambda: _pace_is(bench, lambda pace: pace > 1), "the pace to be known")


async def _pace_is(bench: Bench, judge: Callable[[float], bool]) -> bool:
    instances = (await bench.queue.instances([ENGINE]))[ENGINE]
    return [judge(instance.pace) for instance in instances if instance.slots] == [True]


async def _exist(bench: Bench, names: list[str]) -> bool:
    return bool(await bench.queue.redis.exists(*names) == len(names))


async def _none_exists(bench: Bench, names: list[str]) -> bool:
    return not await bench.queue.redis.exists(*names)
