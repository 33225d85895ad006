"""A runner that is told to stop ends in time, whatever it is at."""

from __future__ import annotations

import pytest

from dalston.common.messages import TaskCompleted, TaskErrored, TaskReleased
from dalston.engine_sdk import availability
from tests.support.runner_bench import ENGINE, Bench, is_running, until_true


async def test_reports_under_way_are_finished_before_the_runner_ends(bench: Bench) -> None:
    entry = await bench.entry()
    released = bench.store.hold(entry.task_id)
    async with bench.running() as runner:
        await bench.publish(entry)
        await until_true(lambda: is_running(bench, entry), "the task to run")
        runner.stop()
        released.set()
    await bench.listen()
    assert await bench.output(entry) == {"id": entry.task_id, "audio": "audio", "found": []}
    assert not bench.of(TaskReleased, entry)


@pytest.mark.parametrize("fail", [False, True])
async def test_what_can_not_be_stored_in_time_is_handed_back(bench: Bench, *, fail: bool) -> None:
    """An output, or the reason why there is none."""
    entry = await bench.entry(fail=fail)
    bench.store.hold(entry.task_id)
    async with bench.running(grace=0.3) as runner:
        await bench.publish(entry)
        await until_true(lambda: is_running(bench, entry), "the task to run")
        runner.stop()
    await bench.listen()
    assert not bench.of(TaskErrored if fail else TaskCompleted, entry)
    assert bench.of(TaskReleased, entry)


HANGING = """
import time
from pathlib import Path

Path(__file__).with_name("begun").touch()
time.sleep(600)
"""


async def test_a_stop_does_not_wait_for_what_an_engine_has(bench: Bench) -> None:
    (bench.folder / "models.py").write_text(HANGING)
    async with bench.running(lazy=True):
        await bench.until((bench.folder / "begun").exists, "the engine to be asked")


async def test_an_engine_that_does_not_say_what_it_has_is_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "CHECK_SECONDS", 0.5)
    (bench.folder / "models.py").write_text(HANGING)

    async def is_failed() -> bool:
        instances = (await bench.queue.instances([ENGINE]))[ENGINE]
        return [instance.code for instance in instances] == ["engine_setup_failed"]

    async with bench.running(lazy=True):
        await until_true(is_failed, "the engine to be failed")
