"""What was found in the chunks of many hours is not held as a whole by an engine that asks so."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dalston.common.engine_spec import read_engine
from dalston.common.models import Failure
from dalston.engine_sdk.child_messages import ChildOutput
from dalston.engine_sdk.chunk_outputs import ChunkOutputs
from dalston.engine_sdk.process import ChildProcess
from tests.engines.long_engine import child_of, engine, result_of, task
from tests.engines.sounds import ENGINES
from tests.support.peaks import memory_peaks


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
        failure = await child.give(task(folder, 1, chunk_outputs=gone), lambda *_: None)
        assert isinstance(failure, Failure)
        assert (failure.code, failure.retryable) == ("engine_error", True)
        assert isinstance(await child.give(task(folder, 1), lambda *_: None), ChildOutput)


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
        result = await child.give(given, lambda *_: None)
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
