"""The supervisor and its child: one task's result is never taken for another's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from dalston.common.engine_spec import read_engine
from dalston.common.models import Failure
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask
from dalston.engine_sdk.process import ChildProcess, SetupFailedError
from dalston.engine_sdk.questions import CHECK
from tests.engines import long_engine
from tests.support.gate import is_alive
from tests.support.waiting import until

YAML = "id: odd\nversion: '1'\nstage: odd\n"
HEAD = "import threading, time\nfrom dalston.engine_sdk import *\n\nclass Odd(Engine):\n"


@asynccontextmanager
async def child_of(folder: Path, process: str, limits: str = "{}") -> AsyncIterator[ChildProcess]:
    (folder / "engine.yaml").write_text(f"{YAML}limits: {limits}\n")
    (folder / "engine.py").write_text(HEAD + process)
    async with long_engine.child_of(folder) as child:
        yield child


def task(number: int, folder: Path) -> ChildTask:
    return ChildTask(
        task_id=f"task_{number:016d}",
        job_id="job_000000000000",
        audio_path=str(folder / "engine.yaml"),
        previous_outputs={},
        config={},
        work_folder=str(folder),
    )


def nothing(_done: float, _total: float) -> None:
    """Progress that nobody looks at."""


async def run(child: ChildProcess, number: int, folder: Path) -> ChildOutput | Failure:
    async with asyncio.timeout(20):
        return await child.give(task(number, folder), nothing)


async def test_what_lies_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('not ours')\n")
    monkeypatch.chdir(tmp_path)
    async with child_of(tmp_path, "    def process(self, input): pass\n") as child:
        assert child.is_alive()


@pytest.mark.parametrize("ask", [True, False])
async def test_nothing_stays_open_of_a_process_that_could_not_be_started(
    tmp_path: Path, ask: bool
) -> None:
    spec = read_engine(long_engine.engine(tmp_path))
    # As the kernel has it of an environment that is too long.
    environment = {"LONG": "x" * (16 << 20)}

    async def fail() -> None:
        child = ChildProcess(spec, {}, environment)
        with pytest.raises(OSError, match="too long"):
            await (child.ask(CHECK, no_setup) if ask else child.start(no_setup))
        if not ask:
            await child.kill()

    # What the loop itself opens for its first process stays.
    await fail()
    before = descriptors()
    await fail()
    assert descriptors() == before


def descriptors() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


def no_setup(_message: str, _done: float | None, _total: float | None) -> None:
    """Progress that nobody looks at."""


async def test_results_belong_to_their_task(tmp_path: Path) -> None:
    process = "    def process(self, input):\n        return TaskOutput({'id': input.task_id})\n"
    async with child_of(tmp_path, process) as child:
        for number in (1, 2):
            result = await run(child, number, tmp_path)
            assert isinstance(result, ChildOutput)
            assert json.loads(result.data) == {"id": f"task_{number:016d}"}


async def test_an_abandoned_answer_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        time.sleep(0.2)\n"
        "        return TaskOutput({'id': input.task_id})\n"
    )
    async with child_of(tmp_path, process) as child:
        abandoned = child.give(task(1, tmp_path), nothing)
        await asyncio.wait({abandoned}, timeout=0.05)
        abandoned.cancel()
        await asyncio.gather(abandoned, return_exceptions=True)
        result = await run(child, 2, tmp_path)

    assert isinstance(result, Failure)
    assert (result.code, result.retryable) == ("engine_crashed", True)
    assert not child.is_alive()


async def test_late_progress_of_an_earlier_task_harms_nobody(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        if input.task_id.endswith('1'):\n"
        "            def later():\n"
        "                time.sleep(0.1)\n"
        "                input.progress(1, 2)\n"
        "            threading.Thread(target=later).start()\n"
        "        else:\n"
        "            time.sleep(0.4)\n"
        "        return TaskOutput({})\n"
    )
    async with child_of(tmp_path, process) as child:
        results = [await run(child, number, tmp_path) for number in (1, 2)]
    assert [type(result) for result in results] == [ChildOutput, ChildOutput]


async def test_a_task_may_load_another_model(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        self.setup_progress('loading model large', 1, 2)\n"
        "        return TaskOutput({})\n"
    )
    async with child_of(tmp_path, process) as child:
        results = [await run(child, number, tmp_path) for number in (1, 2)]
    assert [type(result) for result in results] == [ChildOutput, ChildOutput]


async def failure_of(folder: Path, body: str, limits: str = "{}") -> Failure:
    process = f"    def process(self, input):\n        {body}\n"
    async with child_of(folder, process, limits) as child:
        result = await run(child, 1, folder)
    assert isinstance(result, Failure)
    return result


async def test_a_failure_of_odd_types_can_be_carried(tmp_path: Path) -> None:
    odd = await failure_of(tmp_path, "raise TaskFailed(404, None, retryable='yes')")
    assert odd == Failure("404", "None", retryable=False)


async def test_a_failure_of_any_length_fits_a_row(tmp_path: Path) -> None:
    long = await failure_of(tmp_path, "raise TaskFailed('c' * 500, 'm\\x00' * 9000)")
    assert len(long.code) == 64
    assert len(long.message) == 4000
    assert "\x00" not in long.message


async def test_an_answer_that_can_not_be_read_is_a_failure(tmp_path: Path) -> None:
    unreadable = await failure_of(tmp_path, "return TaskOutput({'text': '\\ud800'})")
    assert (unreadable.code, unreadable.retryable) == ("invalid_engine_output", True)


@pytest.mark.parametrize("text", [rb'"data":{"a":"\xff"}', rb'"data":{},"\xff":1', rb'"data":{'])
async def test_what_is_not_even_json_is_a_failure(tmp_path: Path, text: bytes) -> None:
    said = b'{"kind":"output","task_id":"task_0000000000000001","files":{},' + text + b"}\n"
    unreadable = await failure_of(
        tmp_path, f"import os, sys; os.write(int(sys.argv[3]), {said!r}); time.sleep(60)"
    )
    assert (unreadable.code, unreadable.retryable) == ("invalid_engine_output", True)


async def test_halves_of_a_letter_are_joined(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n        return TaskOutput({'a': '\\ud83d\\ude00 é'})\n"
    )
    async with child_of(tmp_path, process) as child:
        result = await run(child, 1, tmp_path)
    assert isinstance(result, ChildOutput)
    assert result.data == '{"a":"😀 é"}'.encode()


async def test_a_reason_with_what_is_no_letter_arrives(tmp_path: Path) -> None:
    failed = await failure_of(tmp_path, "raise TaskFailed('odd_name', 'a\\udcff b')")
    assert failed == Failure("odd_name", "a? b", retryable=False)


async def test_an_engine_gets_no_more_memory_than_its_description_allows(tmp_path: Path) -> None:
    body = "bytearray(300 << 20); return TaskOutput({})"
    async with child_of(tmp_path, f"    def process(self, input):\n        {body}\n") as child:
        assert isinstance(await run(child, 1, tmp_path), ChildOutput)

    bounded = await failure_of(tmp_path, body, "{memory_mb: 200}")

    assert (bounded.code, bounded.retryable) == ("engine_out_of_memory", True)


async def test_an_engine_writes_no_file_longer_than_its_description_allows(tmp_path: Path) -> None:
    written = tmp_path / "written"
    body = f"open({str(written)!r}, 'wb').write(bytes(3 << 20))"

    failure = await failure_of(tmp_path, body, "{file_mb: 2}")

    assert failure.code == "engine_error"
    assert written.stat().st_size <= 2 << 20


@pytest.mark.parametrize("end", ["time.sleep(60)", "os._exit(3)"])
async def test_what_an_engine_has_started_ends_with_it(tmp_path: Path, end: str) -> None:
    process = (
        "    def process(self, input):\n"
        "        import os, subprocess\n"
        "        print(subprocess.Popen(['sleep', '60']).pid, file=open('{0}', 'w'))\n"
        "        os.rename('{0}', '{1}')\n"
        "        {2}\n"
    )
    written, place = tmp_path / "written", tmp_path / "place"
    async with child_of(tmp_path, process.format(written, place, end)) as child:
        result = child.give(task(1, tmp_path), nothing)
        started = int(await asyncio.to_thread(until, lambda: read_if_there(place), "its process"))
        async with asyncio.timeout(20):
            await (child.kill() if end.startswith("time") else result)
        await asyncio.to_thread(until, lambda: not is_alive(started), "the end of its process")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("import os; os.system('sleep 60 &'); os._exit(3)", 3),
        ("threading.Thread(target=time.sleep, args=(60,)).start(); raise SystemExit('so')", 1),
    ],
)
async def test_that_an_engine_has_gone_is_noticed_whatever_it_leaves(
    tmp_path: Path, body: str, status: int
) -> None:
    failure = await failure_of(tmp_path, body)
    assert failure.code == "engine_crashed"
    assert f"exit status {status}" in failure.message

    setup = f"    def setup(self):\n        {body}\n    def process(self, input): pass\n"
    with pytest.raises(SetupFailedError) as failed:
        async with asyncio.timeout(20), child_of(tmp_path, setup):
            pass
    assert failed.value.failure == failure


async def test_a_fork_of_a_fork_keeps_its_files(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        import os\n"
        "        def forked(work):\n"
        "            process_id = os.fork()\n"
        "            if process_id == 0:\n"
        "                os._exit(work())\n"
        "            return os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])\n"
        "        def first():\n"
        "            files = [open(os.devnull) for _ in range(60)]\n"
        "            return forked(lambda: sum(not is_open(file) for file in files))\n"
        "        def is_open(file):\n"
        "            return os.path.exists(f'/dev/fd/{file.fileno()}')\n"
        "        return TaskOutput({'closed': forked(first)})\n"
    )
    async with child_of(tmp_path, process) as child:
        result = await run(child, 1, tmp_path)
    assert isinstance(result, ChildOutput)
    assert json.loads(result.data) == {"closed": 0}


async def test_a_stop_that_goes_to_all_processes_does_not_end_a_task(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        input.progress(1, 2)\n"
        "        time.sleep(0.3)\n"
        "        return TaskOutput({})\n"
    )
    computes = asyncio.Event()
    async with child_of(tmp_path, process) as child:
        result = child.give(task(1, tmp_path), lambda *_: computes.set())
        async with asyncio.timeout(20):
            await computes.wait()
            assert child.pid is not None
            os.kill(child.pid, signal.SIGTERM)
            assert isinstance(await result, ChildOutput)


async def test_an_engine_can_end_what_it_has_started(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        import multiprocessing, subprocess\n"
        "        found = []\n"
        "        def end(started, wait):\n"
        "            started.terminate()\n"
        "            found.append(wait())\n"
        "        def start():\n"
        "            program = subprocess.Popen(['sleep', '60'])\n"
        "            end(program, program.wait)\n"
        "            fork = multiprocessing.get_context('fork')\n"
        "            copy = fork.Process(target=time.sleep, args=(60,))\n"
        "            copy.start()\n"
        "            end(copy, lambda: copy.join() or copy.exitcode)\n"
        "        start()\n"
        "        thread = threading.Thread(target=start)\n"
        "        thread.start()\n"
        "        thread.join()\n"
        "        return TaskOutput({'found': found})\n"
    )
    async with child_of(tmp_path, process) as child:
        result = await run(child, 1, tmp_path)
    assert isinstance(result, ChildOutput)
    assert json.loads(result.data) == {"found": [-signal.SIGTERM] * 4}


def read_if_there(place: Path) -> str | None:
    return place.read_text() if place.exists() else None


async def test_an_engine_prints_to_a_log_of_any_length(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.write(2, b"x" * (2 << 20))
    body = "print('y' * 300_000, flush=True); raise ValueError('odd value')"

    failure = await failure_of(tmp_path, body, "{file_mb: 1}")

    assert failure.code == "engine_error"
    log = capfd.readouterr().err
    assert "ValueError: odd value" in log
    assert log.count("y" * 300_000) == 1


@contextmanager
def unread_log() -> Iterator[None]:
    """Let standard error be a pipe that is full, and that nobody reads."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write_end, bytes(4096))
    os.set_blocking(write_end, True)
    own = os.dup(2)
    os.dup2(write_end, 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        for descriptor in (own, read_end, write_end):
            os.close(descriptor)


async def test_a_log_that_nobody_reads_stops_no_supervisor(tmp_path: Path) -> None:
    process = (
        "    def process(self, input):\n"
        "        print('y' * 3000, flush=True)\n"
        "        return TaskOutput({})\n"
    )
    begin = time.monotonic()
    async with child_of(tmp_path, process) as child:
        with unread_log():
            result = await run(child, 1, tmp_path)
    assert isinstance(result, ChildOutput)
    # Who waited for the log could not even give up in time.
    assert time.monotonic() - begin < 15


async def test_the_last_words_of_an_engine_are_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await failure_of(tmp_path, "import os; os.write(2, b'z' * 60_000 + b'!'); os.abort()")
    assert "z" * 60_000 + "!" in capfd.readouterr().err


async def test_no_memory_of_an_engine_is_dumped(tmp_path: Path) -> None:
    body = "import resource; return TaskOutput({'most': resource.getrlimit(resource.RLIMIT_CORE)})"
    async with child_of(tmp_path, f"    def process(self, input):\n        {body}\n") as child:
        result = await run(child, 1, tmp_path)
    assert isinstance(result, ChildOutput)
    assert json.loads(result.data) == {"most": [0, 0]}
