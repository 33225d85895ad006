"""Outputs of many hours: neither what goes into an engine nor what comes out is held as a whole."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dalston.common.engine_spec import read_engine
from dalston.common.models import Failure
from dalston.common.transcript import SEGMENTS_LINE
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask
from dalston.engine_sdk.chunk_outputs import ChunkOutputs
from dalston.engine_sdk.process import ChildProcess
from dalston.engine_sdk.testing import run_engine
from tests.engines.sounds import ENGINES
from tests.support.peaks import memory_peaks

YAML = "id: long\nversion: '1'\nstage: {stage}\n"
CODE = """
import time

from dalston.engine_sdk import *

class Long(Engine):
    def process(self, input):
        self.input = input
        given = input.previous_outputs.get("transcribe", ())
        head = {{"text": "é", "duration": 5000.0, "given": len(given), "segments": "not these"}}
        head["kind"] = type(given).__name__
        return TaskOutput(head, segments=self.segments(input.config["count"]))

    def segments(self, count):
        for number in range(count):
            segment = {{"start": float(number), "end": number + 0.5, "text": "ü"}}
            {body}
            yield segment
"""


def engine(folder: Path, body: str = "pass", stage: str = "merge") -> Path:
    folder.mkdir(exist_ok=True)
    schema = "config: {type: object, properties: {count: {type: integer, default: 3}}}\n"
    (folder / "engine.yaml").write_text(YAML.format(stage=stage) + schema)
    (folder / "engine.py").write_text(CODE.format(body=body))
    return folder


@asynccontextmanager
async def child_of(folder: Path) -> AsyncIterator[ChildProcess]:
    child = ChildProcess(read_engine(folder), {}, os.environ)
    await child.start(lambda *_: None)
    try:
        yield child
    finally:
        await child.kill()


def task(folder: Path, count: int, stage: str = "merge", **more: Any) -> ChildTask:
    return ChildTask(
        task_id="task_0000000000000001",
        job_id="job_000000000000",
        audio_path=str(folder / "engine.yaml"),
        previous_outputs={},
        config={"count": count},
        work_folder=str(folder / "work"),
        stage=stage,
        **more,
    )


async def result_of(folder: Path, given: ChildTask) -> ChildOutput | Failure:
    async with child_of(folder) as child:
        return await child.run(given, lambda *_: None)


def expected(count: int) -> list[dict[str, Any]]:
    return [{"start": float(n), "end": n + 0.5, "text": "ü"} for n in range(count)]


async def test_many_segments_go_to_a_file(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    (folder / "output.json").write_text("what an earlier task has left" * 10_000)
    result = await result_of(folder, task(folder, 2000))

    assert isinstance(result, ChildOutput)
    assert result.whole == folder / "output.json"
    assert result.local_files() == (result.whole,)
    text = result.whole.read_bytes()
    # The segments have a line of their own.
    assert text.split(b"\n")[1].startswith(SEGMENTS_LINE.strip())
    whole = json.loads(text)
    head = {"text": "é", "duration": 5000.0, "given": 0, "kind": "tuple"}
    assert whole == {**head, "segments": expected(2000)}
    assert json.loads(result.data) == {**whole, "segments": []}


async def test_few_segments_are_one_message(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    result = await result_of(folder, task(folder, 20))

    assert isinstance(result, ChildOutput)
    assert result.local_files() == ()
    assert json.loads(result.data)["segments"] == expected(20)


async def test_a_stage_that_promises_no_segments_may_return_any(tmp_path: Path) -> None:
    folder = engine(tmp_path, "segment = [number]", "own")
    result = await result_of(folder, task(folder, 1000, "own"))

    assert isinstance(result, ChildOutput)
    assert result.whole is not None
    assert json.loads(result.whole.read_bytes())["segments"] == [[n] for n in range(1000)]


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ("if number == 700: segment['start'] = 9.0", "invalid_engine_output", "segments[700]"),
        ("if number == 700: segment['end'] = 6000.0", "invalid_engine_output", "after the recor"),
        ("if number == 700: del segment['text']", "invalid_engine_output", "segments[700]"),
        ("segment['start'] = float('nan') if number == 700 else 0", "invalid_engine_output", ""),
        ("segment['text'] = {1} if number == 700 else ''", "invalid_engine_output", "set"),
        ("if number == 700: raise TaskFailed('own', 'No more.')", "own", "No more."),
        ("if number == 700: 1 / 0", "engine_error", "ZeroDivisionError"),
    ],
)
async def test_what_is_wrong_in_the_middle_is_told(
    tmp_path: Path, body: str, code: str, text: str
) -> None:
    folder = engine(tmp_path, body)
    async with child_of(folder) as child:
        failure = await child.run(task(folder, 1000), lambda *_: None)
        assert isinstance(failure, Failure)
        assert failure.code == code
        assert text in failure.message
        # The next task is another one.
        assert isinstance(await child.run(task(folder, 600), lambda *_: None), ChildOutput)


@pytest.mark.parametrize("count", [400, 600])
async def test_what_comes_first_is_checked_first(tmp_path: Path, count: int) -> None:
    # A stage that says nothing of durations may have one that means something else.
    folder = engine(tmp_path, "segment['start'] = segment['end'] = 9000.0", "transcribe")
    assert isinstance(await result_of(folder, task(folder, count, "transcribe")), ChildOutput)

    folder = engine(tmp_path, "segment['start'] = segment['end'] = 9000.0", "merge")
    failure = await result_of(folder, task(folder, 600))
    assert isinstance(failure, Failure)
    assert "segments[0] ends after the recording does" in failure.message


@pytest.mark.parametrize(
    ("data", "segments", "said"),
    [
        ("[1]", "iter([])", "list, not a dictionary"),
        ("{}", "5", "can't be gone through"),
        ("{'text': 5}", "({} for _ in range(600))", "$.text"),
        (
            "{'text': ''}",
            "({'start': 0, 'end': 1, 'text': 'a' * 4000} for _ in range(600))",
            "1 MB",
        ),
    ],
)
async def test_what_is_no_output_is_said(
    tmp_path: Path, data: str, segments: str, said: str
) -> None:
    folder = engine(tmp_path)
    with (folder / "engine.yaml").open("a") as file:
        file.write("limits: {file_mb: 1}\n")
    code = (folder / "engine.py").read_text()
    end = code.index("        return TaskOutput")
    (folder / "engine.py").write_text(
        f"{code[:end]}        return TaskOutput({data}, segments={segments})\n"
    )
    failure = await result_of(folder, task(folder, 1))

    assert isinstance(failure, Failure)
    assert failure.code == "invalid_engine_output"
    assert said in failure.message
    assert not (folder / "output.json").exists()


SAID = '{"kind": "%s", "task_id": "task_0000000000000001", %s}\n'
HEAD = SAID % ("output", '"data": {"text": ""}, "files": {}, "goes_on": true')
PLAIN = SAID % ("output", '"data": {"text": "", "segments": []}, "files": {}')
SEGMENT = SAID % ("segment", '"data": {"start": 0, "end": 1, "text": ""}')
END = SAID % ("end", '"more": 1')


@pytest.mark.parametrize(
    "lines", [HEAD + SEGMENT + HEAD + END, HEAD + PLAIN, SEGMENT + PLAIN, END + PLAIN]
)
async def test_what_comes_out_of_turn_is_believed_no_more(tmp_path: Path, lines: str) -> None:
    folder = engine(tmp_path, f"import os, sys; os.write(int(sys.argv[3]), {lines.encode()!r})")
    async with child_of(folder) as child:
        failure = await child.run(task(folder, 1), lambda *_: None)
        assert isinstance(failure, Failure)
        assert failure.code == "invalid_engine_output"
        assert not child.is_alive()
    assert not (folder / "output.json").exists()


async def test_a_child_that_is_killed_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    folder = engine(tmp_path, "if number == 700: self.input.progress(7, 10); time.sleep(60)")
    reached = asyncio.Event()
    async with child_of(folder) as child:
        result = child.give(task(folder, 1000), lambda *_: reached.set())
        async with asyncio.timeout(20):
            await reached.wait()
        assert (folder / "output.json").exists()
        await child.kill()
        assert isinstance(await result, Failure)
    assert not (folder / "output.json").exists()


async def test_no_room_for_a_long_output_is_not_the_engines_fault(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    given = task(folder, 1000)
    (folder / "output.json").mkdir()
    failure = await result_of(folder, given)

    assert isinstance(failure, Failure)
    assert (failure.code, failure.retryable) == ("no_temporary_space", True)


async def test_an_engine_reads_the_outputs_of_chunks_from_a_file(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"n": 0}\n{"n": 1}\n')
    result = await result_of(folder, task(folder, 1, chunk_outputs={"transcribe": str(lines)}))

    assert isinstance(result, ChildOutput)
    assert json.loads(result.data)["given"] == 2


def test_outputs_of_chunks_are_a_sequence(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(f'{{"n": {n}, "text": "ü"}}\n' for n in range(5)))
    outputs = ChunkOutputs(path)
    held = [{"n": n, "text": "ü"} for n in range(5)]

    assert (len(outputs), list(outputs), outputs[-1]) == (5, held, held[4])
    assert (outputs[1:4:2], list(reversed(outputs))) == (held[1:4:2], held[::-1])
    with pytest.raises(IndexError):
        outputs[5]
    # Never taken for an empty list by something that looks behind it.
    with pytest.raises(TypeError):
        json.dumps(outputs)


async def test_outputs_that_are_gone_are_a_failure_of_the_task_alone(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    gone = {"transcribe": str(tmp_path / "gone.jsonl")}
    async with child_of(folder) as child:
        failure = await child.run(task(folder, 1, chunk_outputs=gone), lambda *_: None)
        assert isinstance(failure, Failure)
        assert (failure.code, failure.retryable) == ("engine_error", True)
        assert isinstance(await child.run(task(folder, 1), lambda *_: None), ChildOutput)


def test_an_engine_under_test_has_its_segments_in_its_data(tmp_path: Path) -> None:
    folder = engine(tmp_path / "engine")
    output = run_engine(folder, Path(__file__), previous={"transcribe": [{"n": 1}] * 2})
    assert output.data["segments"] == expected(3)
    assert output.data["given"] == 2
    assert output.data["kind"] == "list"
    with (folder / "engine.yaml").open("a") as file:
        file.write("needs: {chunk_outputs: on_demand}\n")
    output = run_engine(folder, Path(__file__), previous={"transcribe": [{"n": 1}] * 2})
    assert output.data["given"] == 2
    assert output.data["kind"] == "ChunkOutputs"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peaks of other processes")
async def test_a_transcript_of_twenty_hours_takes_no_more_memory_than_one_of_two(
    tmp_path: Path,
) -> None:
    # What is held is the plain text, a tenth of it all.
    peaks = [await merging_peak(tmp_path / str(hours), hours) for hours in (2, 20)]
    assert peaks[1] < peaks[0] + 12, peaks


async def merging_peak(folder: Path, hours: int) -> float:
    """Return the highest resident memory of the merger with the words of so many hours, in MB."""
    lines = write_heard(folder, hours)
    child = ChildProcess(read_engine(ENGINES / "merge" / "transcript-merger"), {}, os.environ)
    await child.start(lambda *_: None)
    try:
        given = task(folder, 0, chunk_outputs={"transcribe": str(lines)})
        result = await child.run(given, lambda *_: None)
        assert isinstance(result, ChildOutput), result
        assert result.whole is not None
        assert len(json.loads(result.whole.read_bytes())["segments"]) == hours * 60 * 15
        assert child.pid is not None
        return memory_peaks({"merger": child.pid})["merger"]
    finally:
        await child.kill()


def write_heard(folder: Path, hours: int) -> Path:
    """Write what a transcriber says of each minute of a recording."""
    folder.mkdir()
    lines = folder / "lines.jsonl"
    with lines.open("w") as file:
        for minute in range(hours * 60):
            file.write(json.dumps(heard_in(minute)) + "\n")
    return lines


def heard_in(minute: int) -> dict[str, Any]:
    """Return what a transcriber says of one minute: 15 segments of ten words."""
    segments = []
    for start in range(0, 60, 4):
        words = [
            {"text": f"word{n}", "start": start + n * 0.4, "end": start + n * 0.4 + 0.3}
            for n in range(10)
        ]
        text = " ".join(str(word["text"]) for word in words)
        segments.append({"start": start, "end": start + 4.0, "text": text, "words": words})
    place = {"offset": minute * 60, "core_start": minute * 60, "core_end": minute * 60 + 60}
    return {"text": "", "segments": segments, "language": "en", **place}
