"""What a nearly full disk does to tasks: real child, real store, real events, a small disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from dalston.common.messages import QueueEntry, TaskCompleted, TaskErrored, TaskReleased
from dalston.engine_sdk import patience, reports
from dalston.engine_sdk.folders import SMALL_AUDIO_BYTES
from tests.support.files import fill
from tests.support.peaks import small_disk
from tests.support.runner_bench import ENGINE, Bench, new_bench

MEGABYTE = 1024 * 1024
DISK_MEGABYTES = 16
PROBE_BYTES = 64 * 1024
YAML = f"""
id: {ENGINE}
version: '1'
stage: odd
needs: {{audio: ondemand}}
"""
CODE = f"""
from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        if input.config["do"] == "both":
            input.keep("small", bytes({MEGABYTE}))
        if input.config["do"] in ("create", "both"):
            with input.create("large") as file:
                for _ in range(8):
                    file.write(bytes({MEGABYTE // 2}))
        return TaskOutput({{"large": "x" * {MEGABYTE} if input.config["do"] == "say" else ""}})
"""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    disk = tmp_path / "disk"
    with small_disk(disk, DISK_MEGABYTES):
        if not disk.is_mount():
            pytest.skip("only root may make a disk that can be filled")
        async with new_bench(disk) as made:
            yield made


def written(bench: Bench, needs: str) -> None:
    (bench.folder / "engine.yaml").write_text(YAML.replace("ondemand", needs))
    (bench.folder / "engine.py").write_text(CODE)


async def entry_of(bench: Bench, do: str) -> QueueEntry:
    """Return a task on a recording that is copied to the engine in pieces, if it is at all."""
    entry = await bench.entry(do=do)
    size = SMALL_AUDIO_BYTES + MEGABYTE
    await bench.store.put(entry.audio, bytes(size))
    return msgspec.structs.replace(entry, audio_bytes=size)


def leave_room(bench: Bench, size: int) -> Path:
    """Fill the disk but for so many bytes."""
    filler = bench.folder / "filler"
    fill(filler)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - size)
    return filler


LACKING = pytest.mark.parametrize(
    ("do", "needs", "room"),
    [
        ("create", "on_demand", 2 * MEGABYTE),
        # The engine has done with it when its last piece has no room.
        ("create", "on_demand", 4 * MEGABYTE - 2 * PROBE_BYTES),
        ("say", "false", MEGABYTE // 2),
        ("nothing", "true", MEGABYTE // 2),
    ],
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have little patience with the store."""
    monkeypatch.setattr(reports, "_STORE_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(patience, "STORE_PATIENCE_SECONDS", 0.1)


@LACKING
async def test_a_nearly_full_disk_costs_a_task_no_attempt(
    bench: Bench, do: str, needs: str, room: int
) -> None:
    written(bench, needs)
    entry = await entry_of(bench, do)
    async with bench.running():
        filler = leave_room(bench, room)
        await bench.store.put("another", bytes(PROBE_BYTES))
        await bench.publish(entry)
        await bench.until(
            lambda: bool(bench.of(TaskErrored, entry) or bench.of(TaskReleased, entry)),
            "the task to be given up",
        )
        assert bench.of(TaskErrored, entry) == []
        assert bench.of(TaskCompleted, entry) == []
        [released] = bench.of(TaskReleased, entry)
        assert isinstance(released, TaskReleased)
        assert released.missed is not None
        assert released.missed.code in ("output_store_failed", "no_temporary_space")
        filler.unlink()
        again = msgspec.structs.replace(entry, hand_out=2)
        await bench.publish(again)
        await bench.completed(again)


@LACKING
async def test_what_a_nearly_full_disk_never_has_room_for_fails_in_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, do: str, needs: str, room: int
) -> None:
    monkeypatch.setattr(reports, "_MOST_HAND_OUTS", 2)
    written(bench, needs)
    first = await entry_of(bench, do)
    second = msgspec.structs.replace(first, hand_out=2)
    async with bench.running():
        leave_room(bench, room)
        await bench.publish(first)
        # It counts, so that there will be a second: nobody would give it another number else.
        await bench.until(lambda: bool(bench.of(TaskReleased, first)), "it to be handed back")
        await bench.publish(second)
        await bench.until(lambda: bool(bench.of(TaskErrored, second)), "it to be charged")
    event = bench.of(TaskErrored, second)[0]
    assert isinstance(event, TaskErrored)
    assert event.error.code in ("output_store_failed", "no_temporary_space")
    assert event.error.retryable


async def test_what_leaves_something_on_a_nearly_full_disk_is_charged(bench: Bench) -> None:
    """Handed back it would leave that again and again, until nothing has room any more."""
    written(bench, "false")
    entry = await entry_of(bench, "both")
    async with bench.running():
        leave_room(bench, 3 * MEGABYTE)
        await bench.publish(entry)
        await bench.until(
            lambda: bool(bench.of(TaskErrored, entry) or bench.of(TaskReleased, entry)),
            "the task to be given up",
        )
    [event] = bench.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert event.error.code == "output_store_failed"
    assert "Make room" in event.error.message
