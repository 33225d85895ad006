"""An engine that is busy for ever is ended, however long its recording would allow it to be."""

from __future__ import annotations

import asyncio

import pytest

from dalston.common.messages import TaskErrored
from tests.support.runner_bench import YAML, Bench

CODE = """
import time
from dalston.engine_sdk import *

def pauses(input):
    for number in range(12):
        time.sleep(0.2)
        yield number

class Busy(Engine):
    def process(self, input):
        how = input.config.get("how")
        if how == "silent":
            time.sleep(60)
        elif how == "tells":
            for number in pauses(input):
                input.progress(number, 12)
        elif how == "reads":
            with input.open_audio() as file:
                file.read(1)
        elif how == "writes":
            with input.create("words.txt") as file:
                for _ in pauses(input):
                    file.write(bytes(1024 * 1024))
        return TaskOutput({})
"""
SILENT_SECONDS = 1.5
MUCH = 17_000_000
"""Bytes that aren't brought to the machine before the engine reads them."""


@pytest.fixture
def busy(bench: Bench) -> Bench:
    needs = "needs: {audio: on_demand}\n"
    (bench.folder / "engine.yaml").write_text(
        f"{YAML}{needs}limits: {{silent_seconds: {SILENT_SECONDS}, base_seconds: 1000}}\n"
    )
    (bench.folder / "engine.py").write_text(CODE)
    return bench


async def test_60_one_of_which_nothing_is_heard_is_ended(busy: Bench) -> None:
    entry, another = await busy.entry(how="silent"), await busy.entry()
    async with busy.running():
        await busy.publish(entry, another)
        await busy.until(lambda: bool(busy.of(TaskErrored, entry)), "the end of its time")
        await busy.completed(another)
    [event] = busy.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert event.error.code == "engine_timeout"
    assert "without reading" in event.error.message
    assert event.error.retryable


@pytest.mark.parametrize("how", ["tells", "writes"])
async def test_one_that_gets_on_may_take_its_time(busy: Bench, how: str) -> None:
    entry = await busy.entry(how=how)
    async with busy.running():
        await busy.publish(entry)
        await busy.completed(entry)


async def test_the_time_that_the_store_takes_is_not_the_engines(
    busy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first answer takes longer than the engine may be silent."""
    entry = await busy.entry("x" * MUCH, how="reads")
    at_once, answers = busy.store.get_range, asyncio.Event()

    async def later(path: str, start: int, length: int) -> bytes:
        asyncio.get_running_loop().call_later(2 * SILENT_SECONDS, answers.set)
        await answers.wait()
        return await at_once(path, start, length)

    monkeypatch.setattr(busy.store, "get_range", later)
    async with busy.running():
        await busy.publish(entry)
        await busy.completed(entry)
