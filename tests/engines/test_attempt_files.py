"""What an engine reads and keeps while it works: real child, real store, real events."""

from __future__ import annotations

import hashlib
import os
import wave
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dalston.common.messages import (
    ChunkReady,
    QueueEntry,
    TaskCompleted,
    TaskErrored,
    TaskReleased,
)
from dalston.common.models import Failure
from dalston.common.storage import AUDIO_NAME, attempt_folder, beside
from dalston.engine_sdk import patience, reports
from dalston.engine_sdk.io import SHORT_AUDIO_BYTES
from tests.support.runner_bench import ENGINE, Bench, new_bench

YAML = f"""
id: {ENGINE}
version: '1'
stage: odd
produces: [chunks]
needs: {{audio: on_demand}}
"""
CODE = """
import hashlib, os
from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        return TaskOutput(getattr(self, input.config["do"])(input) or {})

    def read(self, input):
        with input.open_audio() as file:
            digest = hashlib.sha256(file.read()).hexdigest()
            size = file.seek(-10, 2) + 10
            end = file.read().hex()
            file.seek(1_000_000)
            return {"digest": digest, "size": size, "end": end, "middle": file.read(100_000).hex(),
                    "here": input.audio_path.exists()}

    def keep(self, input):
        with input.create("audio.wav") as file:
            for number in range(5000):
                file.write(b"%06d" % number * 1000)
        chunks = []
        for number in range(3):
            end = number + 1
            place = {"start": number, "end": end, "core_start": number, "core_end": end}
            input.keep(f"{number}.wav", b"x" * 100, chunk=place)
            chunks.append({"file": f"{number}.wav", **place})
        return {"chunks": chunks}

    def half(self, input):
        file = input.create("audio.wav")
        file.write(bytes(30_000_000))
        input.keep("other", b"whole")
        if input.config.get("die"):
            os._exit(1)
        raise TaskFailed("odd_one", "It is odd.")

    def left(self, input):
        try:
            with input.create("audio.wav") as file:
                file.write(bytes(3_000_000))
                raise ValueError
        except ValueError:
            return {"kept": False}

    def again(self, input):
        for content, error in ((b"1" * 3_000_000, True), (b"2", True), (b"3", False)):
            try:
                with input.create("audio.wav") as file:
                    file.write(content)
                    if error:
                        raise ValueError
            except ValueError:
                pass

    def twice(self, input):
        input.keep("same", b"1")
        try:
            input.keep("same", b"2")
        except TaskFailed:
            pass

    def named(self, input):
        input.keep(input.config["called"], b"1")

    def changed(self, input):
        input.keep("0.wav", b"x", chunk={"start": 0, "end": 1, "core_start": 0, "core_end": 1})
        return {"chunks": [{"file": "0.wav", "start": 0, "end": 2, "core_start": 0, "core_end": 2}]}
"""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with new_bench(tmp_path) as made:
        (made.folder / "engine.yaml").write_text(YAML)
        (made.folder / "engine.py").write_text(CODE)
        yield made


async def large_entry(bench: Bench, data: bytes, name: str, **config: Any) -> QueueEntry:
    entry = await bench.entry("", **config)
    path = beside(entry.audio, name)
    await bench.store.put(path, data)
    return _changed(entry, audio=path, audio_bytes=len(data), expands=True)


def _changed(entry: QueueEntry, **values: Any) -> QueueEntry:
    return msgspec.structs.replace(entry, **values)


async def objects(bench: Bench, entry: QueueEntry) -> list[str]:
    paths = await bench.store.list(f"jobs/{entry.job_id}/tasks")
    return sorted(path.rpartition("/")[2] for path in paths)


@pytest.mark.parametrize("size", [0, 5, SHORT_AUDIO_BYTES, SHORT_AUDIO_BYTES + 3_000_001])
async def test_audio_is_read_as_if_it_were_a_file(bench: Bench, size: int) -> None:
    data = os.urandom(size)
    entry = await large_entry(bench, data, "original.wav", do="read")
    if size < 10:
        entry = _changed(entry, config={"do": "left"})
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    if size >= 10:
        assert await bench.output(entry) == {
            "digest": hashlib.sha256(data).hexdigest(),
            "size": size,
            "end": data[-10:].hex(),
            "middle": data[1_000_000:1_100_000].hex(),
            "here": size <= SHORT_AUDIO_BYTES,
        }


async def test_the_recording_before_is_never_taken_for_a_longer_one(bench: Bench) -> None:
    short = await large_entry(bench, bytes(2_000_000), "original.wav", do="read")
    long = await large_entry(bench, b"1" * (SHORT_AUDIO_BYTES + 1), "original.wav", do="read")
    async with bench.running():
        for entry in (short, long):
            await bench.publish(entry)
            await bench.completed(entry)
        assert (await bench.output(short))["here"]
        assert not (await bench.output(long))["here"]


async def test_a_wav_file_that_was_begun_without_its_length_gets_it(bench: Bench) -> None:
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(4_000_000))
    right = written.getvalue()
    begun = right[:4] + b"\xff" * 4 + right[8:40] + b"\xff" * 4 + right[44:]
    entry = await large_entry(bench, begun, AUDIO_NAME, do="read")
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    assert (await bench.output(entry))["digest"] == hashlib.sha256(right).hexdigest()


async def test_chunks_are_told_once_their_files_are_there(bench: Bench) -> None:
    entry = await large_entry(bench, b"audio", "original.wav", do="keep")
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: len(bench.of(ChunkReady, entry)) == 3, "three chunks")
        told = [event for event in bench.of(ChunkReady, entry) if isinstance(event, ChunkReady)]
        for event in told:
            assert event.part.path is not None
            assert await bench.store.get(event.part.path) == b"x" * 100
        await bench.completed(entry)
    # Their files are written side by side.
    assert sorted(event.index for event in told) == [0, 1, 2]
    folder = attempt_folder(entry.job_id, entry.task_id, told[0].folder)
    whole = await bench.store.get(f"{folder}/audio.wav")
    assert whole == b"".join(b"%06d" % number * 1000 for number in range(5000))


async def test_a_pipeline_without_chunks_is_told_of_none(bench: Bench) -> None:
    entry = _changed(await large_entry(bench, b"", "original.wav", do="keep"), expands=False)
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    assert bench.of(ChunkReady, entry) == []
    assert await objects(bench, entry) == ["0.wav", "1.wav", "2.wav", "audio.wav", "output.json"]


@pytest.mark.parametrize("die", [False, True])
async def test_nothing_is_left_of_a_file_that_was_not_finished(bench: Bench, die: bool) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="half", die=die)
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "the failure")
    assert await objects(bench, entry) == ["failure.json", "other"]


async def test_a_file_that_an_error_left_is_not_kept(bench: Bench) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="left")
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    assert await objects(bench, entry) == ["output.json"]


async def test_a_file_that_an_error_left_may_be_written_again(bench: Bench) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="again")
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    [event] = bench.of(TaskCompleted, entry)
    assert isinstance(event, TaskCompleted)
    folder = attempt_folder(entry.job_id, entry.task_id, event.folder)
    assert await bench.store.get(f"{folder}/audio.wav") == b"3"


async def failure_of(bench: Bench, entry: QueueEntry) -> Failure:
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bool(bench.of(TaskErrored, entry)), "the failure")
    [event] = bench.of(TaskErrored, entry)
    assert isinstance(event, TaskErrored)
    assert bench.of(TaskCompleted, entry) == bench.of(TaskReleased, entry) == []
    return event.error


@pytest.mark.parametrize("do", ["twice", "changed"])
async def test_what_must_not_be_is_refused(bench: Bench, do: str) -> None:
    failure = await failure_of(bench, await large_entry(bench, b"", "original.wav", do=do))
    assert failure.code == "invalid_engine_output"


@pytest.mark.parametrize("name", ["../outside", "", "output.json", "part#1", "x" * 251])
async def test_a_name_that_no_file_may_have_is_refused(bench: Bench, name: str) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="named", called=name)
    assert (await failure_of(bench, entry)).code == "invalid_engine_output"


async def test_the_longest_name_fits_the_store(bench: Bench) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="named", called="x" * 250)
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)
    assert await objects(bench, entry) == ["output.json", "x" * 250]


async def test_a_recording_that_the_store_does_not_give_is_charged_to_its_task(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STORE_PATIENCE_SECONDS", 0.1)
    entry = await large_entry(bench, bytes(SHORT_AUDIO_BYTES + 1), "original.wav", do="read")
    bench.store.refuse(entry.audio)
    failure = await failure_of(bench, entry)
    assert (failure.code, failure.retryable) == ("object_unreadable", True)


async def test_a_file_that_the_store_does_not_take_is_charged_to_its_task(bench: Bench) -> None:
    entry = await large_entry(bench, b"", "original.wav", do="keep")
    bench.store.refuse("/audio.wav")
    failure = await failure_of(bench, entry)
    assert (failure.code, failure.retryable) == ("output_store_failed", True)


async def test_a_task_that_the_store_was_away_for_is_handed_back_after_a_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "_STORE_PAUSE_SECONDS", 600.0)
    entry = await large_entry(bench, b"", "original.wav", do="keep")
    bench.store.refuse("/audio.wav")
    bench.store.away = True
    async with bench.running():
        await bench.publish(entry)
        await bench.until(lambda: bench.store.asked > 0, "the store to be asked for")
        assert await bench.queue.leases([entry.task_id])
    await bench.listen()
    assert bench.store.asked == 1
    assert bench.of(TaskErrored, entry) == []
    assert bench.of(TaskReleased, entry) or await bench.waiting() == [entry.task_id]
