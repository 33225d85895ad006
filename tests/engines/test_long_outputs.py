"""Outputs of many hours: what comes out of an engine is not held as a whole."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dalston.common.models import Failure
from dalston.common.transcript import SEGMENTS_LINE
from dalston.engine_sdk.child_messages import ChildOutput
from dalston.engine_sdk.testing import run_engine
from dalston.engine_sdk.types import TaskFailed
from tests.engines.long_engine import child_of, engine, expected, result_of, task


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
    folder = engine(tmp_path, "segment = [n]", "own")
    result = await result_of(folder, task(folder, 1000, "own"))

    assert isinstance(result, ChildOutput)
    assert result.whole is not None
    assert json.loads(result.whole.read_bytes())["segments"] == [[n] for n in range(1000)]


@pytest.mark.parametrize(
    ("body", "code", "text", "survives"),
    [
        ("if n == 700: segment['start'] = 9.0", "invalid_engine_output", "segments[700]", False),
        ("if n == 700: segment['end'] = 6000.0", "invalid_engine_output", "after the rec", False),
        ("if n == 700: del segment['text']", "invalid_engine_output", "segments[700]", False),
        ("segment['end'] = float('nan') if n == 700 else n", "invalid_engine_output", "", True),
        ("segment['text'] = {1} if n == 700 else ''", "invalid_engine_output", "set", True),
        ("if n == 700: raise TaskFailed('own', 'No more.')", "own", "No more.", True),
        ("if n == 700: 1 / 0", "engine_error", "ZeroDivisionError", True),
    ],
)
async def test_what_is_wrong_in_the_middle_is_told(
    tmp_path: Path, body: str, code: str, text: str, *, survives: bool
) -> None:
    folder = engine(tmp_path, body)
    async with child_of(folder) as child:
        failure = await child.give(task(folder, 1000), lambda *_: None)
        assert isinstance(failure, Failure)
        assert failure.code == code
        assert text in failure.message
        assert child.is_alive() is survives
        # The next task is another one.
        result = await child.give(task(folder, 600), lambda *_: None)
        assert isinstance(result, ChildOutput) is survives


@pytest.mark.parametrize("count", [400, 600])
async def test_what_comes_first_is_checked_first(tmp_path: Path, count: int) -> None:
    # A stage that says nothing of durations may have one that means something else.
    folder = engine(tmp_path, "segment['start'] = segment['end'] = 9000.0", "transcribe")
    assert isinstance(await result_of(folder, task(folder, count, "transcribe")), ChildOutput)

    folder = engine(tmp_path, "segment['start'] = segment['end'] = 9000.0", "merge")
    failure = await result_of(folder, task(folder, 600))
    assert isinstance(failure, Failure)
    assert "segments[0] ends after the recording does" in failure.message


async def test_segments_of_a_last_stage_are_the_transcripts(tmp_path: Path) -> None:
    folder = engine(tmp_path, "if n == 700: segment['start'] = 9.0", "redact")
    assert isinstance(await result_of(folder, task(folder, 1000, "redact")), ChildOutput)

    failure = await result_of(folder, task(folder, 1000, "redact", last=True))
    assert isinstance(failure, Failure)
    assert "segments[700] starts before" in failure.message


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
END = SAID % ("end", '"count": 1')


@pytest.mark.parametrize(
    "lines",
    [
        HEAD + SEGMENT + HEAD + END,
        HEAD + PLAIN,
        SEGMENT + PLAIN,
        END + PLAIN,
        HEAD + END,
        HEAD + SEGMENT + SEGMENT + END,
        # Deeper than a supervisor can read: lost without a word, it would leave a gap.
        HEAD + SEGMENT.replace('""', "[" * 100_000 + "]" * 100_000) + END,
    ],
)
async def test_what_comes_out_of_turn_is_believed_no_more(tmp_path: Path, lines: str) -> None:
    folder = engine(tmp_path, f"import os, sys; os.write(int(sys.argv[3]), {lines.encode()!r})")
    async with child_of(folder) as child:
        failure = await child.give(task(folder, 1), lambda *_: None)
        assert isinstance(failure, Failure)
        assert failure.code == "invalid_engine_output"
        assert not child.is_alive()
    assert not (folder / "output.json").exists()


def in_place(folder: Path) -> str:
    """Return code that names the output's file, and makes segments so long that no pipe holds
    them: whoever gives number 900 knows that the file has been there for a while."""
    path = str(folder / "output.json")
    return f"import os; path = {path!r}; segment['text'] = 'ü' * 1000"


@pytest.mark.parametrize("way", ["os.mkdir(path)", "os.mkfifo(path)", "os.symlink('other', path)"])
async def test_what_an_engine_puts_in_the_way_harms_nobody_else(tmp_path: Path, way: str) -> None:
    folder = engine(tmp_path, in_place(tmp_path), after=f"{way} if n == 0 else None")
    async with asyncio.timeout(30), child_of(folder) as child:
        result = await child.give(task(folder, 1000), lambda *_: None)
    if "mkdir" in way:
        assert isinstance(result, Failure)
        assert result.code == "invalid_engine_output"
    else:
        assert isinstance(result, ChildOutput)
        assert result.whole is not None
        assert len(json.loads(result.whole.read_bytes())["segments"]) == 1000
    assert not (tmp_path / "other").exists()


async def test_a_directory_in_place_of_a_half_written_output_harms_nobody_else(
    tmp_path: Path,
) -> None:
    after = "(os.unlink(path), os.mkdir(path), 1 / 0) if n == 900 else None"
    folder = engine(tmp_path, in_place(tmp_path), after=after)
    async with asyncio.timeout(30), child_of(folder) as child:
        result = await child.give(task(folder, 1000), lambda *_: None)
        assert isinstance(result, Failure)
        assert result.code == "engine_error"
    assert (tmp_path / "output.json").is_dir()


@pytest.mark.parametrize("way", ["os.mkfifo(path)", "os.symlink('/etc/hosts', path)", "None"])
async def test_an_output_that_is_taken_away_is_none(tmp_path: Path, way: str) -> None:
    after = f"(os.unlink(path), {way}) if n == 900 else None"
    folder = engine(tmp_path, in_place(tmp_path), after=after)
    async with asyncio.timeout(30), child_of(folder) as child:
        failure = await child.give(task(folder, 1000), lambda *_: None)
    assert isinstance(failure, Failure)
    assert failure.code == "invalid_engine_output"


async def test_a_crash_is_seen_although_a_forked_process_lives_on(tmp_path: Path) -> None:
    fork = "import os, signal; n != 3 or os.fork() or (time.sleep(20), os._exit(0))"
    die = "os.kill(os.getpid(), signal.SIGKILL) if n == 5 else None"
    folder = engine(tmp_path, fork, after=die)
    async with asyncio.timeout(15), child_of(folder) as child:
        failure = await child.give(task(folder, 20), lambda *_: None)
    assert isinstance(failure, Failure)
    assert failure.code == "engine_out_of_memory"


async def test_an_endless_output_ends(tmp_path: Path) -> None:
    folder = engine(tmp_path, "segment['start'] = segment['end'] = 0.0")
    with (folder / "engine.yaml").open("a") as file:
        file.write("limits: {file_mb: 1}\n")
    async with asyncio.timeout(30), child_of(folder) as child:
        failure = await child.give(task(folder, 10**12), lambda *_: None)
        assert isinstance(failure, Failure)
        assert "longer than 1 MB" in failure.message
        assert not (folder / "output.json").exists()


async def test_a_task_for_a_child_that_has_died_says_why(tmp_path: Path) -> None:
    folder = engine(tmp_path)
    async with asyncio.timeout(30), child_of(folder) as child:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGRTMIN + 1)
        first = await child.give(task(folder, 1), lambda *_: None)
        again = await child.give(task(folder, 1), lambda *_: None)
    assert isinstance(first, Failure)
    assert first.code == "engine_crashed"
    assert again == first


async def test_a_child_that_is_killed_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    folder = engine(tmp_path, "if n == 700: self.input.progress(7, 10); time.sleep(60)")
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
    async with child_of(folder) as child:
        with longest_file(50_000):
            failure = await child.give(task(folder, 2000), lambda *_: None)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retryable) == ("no_temporary_space", True)
    assert not (folder / "output.json").exists()


@contextmanager
def longest_file(most: int) -> Iterator[None]:
    """Have this process write no file longer than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "returned", ["TaskOutput([1], segments=iter([]))", "TaskOutput({}, segments=5)"]
)
def test_an_engine_under_test_is_told_what_a_server_would_say(
    tmp_path: Path, returned: str
) -> None:
    folder = engine(tmp_path)
    code = (folder / "engine.py").read_text()
    end = code.index("        return TaskOutput")
    (folder / "engine.py").write_text(f"{code[:end]}        return {returned}\n")
    with pytest.raises(TaskFailed) as refused:
        run_engine(folder, Path(__file__))
    assert refused.value.code == "invalid_engine_output"


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
