"""How many tasks an engine does at a time that waits for others rather than computes."""

from __future__ import annotations

from pathlib import Path

from dalston.common.messages import TaskStarted
from tests.support.runner_bench import ENGINE, YAML, Bench


async def test_it_does_as_many_as_it_needs(bench: Bench, tmp_path: Path) -> None:
    """The first three never come to their end by themselves."""
    (bench.folder / "engine.yaml").write_text(YAML + "needs: {slots: 4}\n")
    gate = tmp_path / "gate"
    held = [await bench.entry(gate=str(gate)) for _ in range(3)]
    last = await bench.entry()
    async with bench.running(slots=1):
        await bench.publish(*held)
        await bench.until(lambda: all(bench.of(TaskStarted, one) for one in held), "three starts")
        await bench.publish(last)
        await bench.completed(last)
        instance = (await bench.queue.instances([ENGINE]))[ENGINE][0]
        assert instance.slots == 4
        gate.touch()
        await bench.completed(*held)


async def test_only_what_the_settings_say_is_loaded_without_work(bench: Bench) -> None:
    (bench.folder / "engine.yaml").write_text(YAML + "needs: {slots: 4}\n")
    async with bench.running(slots=2) as runner:
        await bench.until(lambda: runner._ready_slots == 2, "two children")
        await bench.until(lambda: runner._sleeping_slots == 2, "two that wait for work")
