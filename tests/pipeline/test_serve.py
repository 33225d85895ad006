"""`dalston serve`: one command, and what becomes of it when it is stopped, doubled or killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dalston.listening import url_for_others
from tests.support.gate import Gate, is_alive
from tests.support.serve import Serve, environment_of
from tests.support.stack import TRANSCRIPTIONS
from tests.support.waiting import until

EVERYWHERE = "0.0.0.0"  # noqa: S104 - with an API key
Start = Callable[..., Serve]


pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="these tests find a server's processes in /proc"
)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dalston-serve-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def start(data_dir: Path, gate: Gate) -> Iterator[Start]:
    """Start servers on the data folder; those that a failing test leaves are killed."""
    started: list[Serve] = []

    def start(*arguments: str, folder: Path | None = None) -> Serve:
        started.append(Serve(data_dir, gate, *arguments, folder=folder))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def serve(start: Start) -> Serve:
    return start().wait_until_ready()


def test_what_lies_in_the_current_folder_is_not_run(
    start: Start, gate: Gate, tmp_path: Path, silence: Path
) -> None:
    gate.open()
    (tmp_path / "queue.py").write_text("raise SystemExit('not ours')\n")
    serve = start(folder=tmp_path).wait_until_ready()
    try:
        assert serve.ended(serve.submit(silence))["status"] == "completed"
    finally:
        serve.stop()


def test_tells_the_address_for_other_machines(start: Start, data_dir: Path) -> None:
    made = [sys.executable, "-m", "dalston", "keys", "create", "--name", "me", "--data-dir"]
    subprocess.run([*made, data_dir], check=True, capture_output=True, timeout=60)
    serve = start("--host", EVERYWHERE).wait_until_ready()
    with socket.create_server((EVERYWHERE, 0)) as listener:
        others = url_for_others(listener)
    port = serve.url.rpartition(":")[2]
    said = until(serve.out.read_text, "the server to say that it is ready")
    serve.stop(signal.SIGTERM)

    assert serve.url == f"http://127.0.0.1:{port}"
    expected = [] if others is None else [f"{others.rpartition(':')[0]}:{port}"]
    assert re.findall(r"From other machines: (\S+)", said) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_and_keeps_its_data(
    start: Start, serve: Serve, gate: Gate, silence: Path, number: signal.Signals
) -> None:
    gate.open()
    advice = f"curl -F file=@talk.mp3 {serve.url}{TRANSCRIPTIONS}"
    # The file with its address is there a moment before it says so.
    until(lambda: advice in serve.out.read_text(), "the server to say how it is used")
    assert serve.url.startswith("http://127.0.0.1:")
    job_id = serve.submit(silence)
    assert serve.ended(job_id)["status"] == "completed"
    family = serve.processes()
    family.append(valkey_of(serve))
    assert len(family) > 5

    assert serve.stop(number) == 0

    assert [pid for pid in family if is_alive(pid)] == []
    assert not (serve.data_dir / "server.json").exists()
    assert list((serve.data_dir / "tmp").iterdir()) == []
    again = start().wait_until_ready()
    assert again.ended(job_id)["text"] == "Through."
    assert again.stop() == 0


def test_serves_where_its_address_can_not_be_written(start: Start, data_dir: Path) -> None:
    # Stands for a full disk.
    (data_dir / "server.new").mkdir(parents=True)
    serve = start()
    try:
        until(lambda: "Dalston is ready" in serve.out.read_text(), "the server to be ready", 60)
        assert "server_file_not_written" in serve.log.read_text()
    finally:
        assert serve.stop() == 0


def test_second_server_on_the_same_folder_refuses(start: Start, serve: Serve) -> None:
    second = start()

    assert second.process.wait(60) == 2
    assert "Another dalston serve uses the data folder" in second.log.read_text()
    assert httpx.get(f"{serve.url}/health").status_code == 200


def test_killed_in_the_middle_of_a_job_and_started_again(
    start: Start, serve: Serve, gate: Gate, silence: Path
) -> None:
    running, waiting = serve.submit(silence), serve.submit(silence)
    gate.wait_for_runs(1)
    serve.has_started(running, waiting)
    family = [*serve.processes(), valkey_of(serve)]
    serve.process.kill()
    serve.process.wait()
    until(lambda: not [pid for pid in family if is_alive(pid)], "all its processes to be gone")

    gate.open()
    again = start().wait_until_ready()
    for job_id in (running, waiting):
        job = again.ended(job_id)
        assert job["status"] == "completed"
        completed = [row for row in job["history"] if row["to_status"] == "completed"]
        assert len(completed) == 3, "one for each task and one for the job"
    restarts = [row for row in again.ended(running)["history"] if "restart:" in row["why"]]
    assert [row["to_status"] for row in restarts] == ["ready"]
    assert len(gate.done()) == 2
    assert again.stop() == 0


def test_finished_work_is_not_done_twice_after_a_kill(
    start: Start, serve: Serve, gate: Gate, silence: Path
) -> None:
    """The output is in the store and nobody has heard of it: the restart finds it."""
    job_id = serve.submit(silence)
    gate.wait_for_runs(1)
    serve.has_started(job_id)
    for pid in serve.processes():
        if b"orchestrator" in environment_of(Path(f"/proc/{pid}")):
            os.kill(pid, signal.SIGSTOP)
    gate.open()
    tasks = serve.data_dir / "objects" / "jobs" / job_id / "tasks"
    until(lambda: list(tasks.glob("*/*/output.json")), "the output to be stored")
    serve.process.kill()
    serve.process.wait()

    again = start().wait_until_ready()

    assert again.ended(job_id)["status"] == "completed"
    assert len(gate.begun()) == 1
    assert again.stop() == 0


def test_part_that_dies_is_started_again(serve: Serve, gate: Gate, silence: Path) -> None:
    gate.open()
    own = {pid: environment_of(Path(f"/proc/{pid}")) for pid in serve.processes()}
    redis = valkey_of(serve)
    victims = [pid for pid, text in own.items() if b"orchestrator" in text or b"gateway" in text]
    assert len(victims) == 2
    for pid in [*victims, redis]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: valkey_of(serve) not in {0, redis}, "Redis to be started again")
    until(lambda: answers(serve), "the gateway to be started again")

    assert serve.ended(serve.submit(silence))["status"] == "completed"


def valkey_of(serve: Serve) -> int:
    """Return the process id of the server's Redis, or 0."""
    for path in Path("/proc").iterdir():
        own = path.name.isdecimal() and parent_of(path) == serve.process.pid
        if own and b"valkey-server" in said(path / "cmdline"):
            return int(path.name)
    return 0


def parent_of(process: Path) -> int:
    behind_name = said(process / "stat").rpartition(b")")[2].split()
    return int(behind_name[1]) if behind_name else 0


def said(path: Path) -> bytes:
    """Return what a file of a process says: nothing once the process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def answers(serve: Serve) -> bool:
    try:
        return httpx.get(f"{serve.url}/health/ready").status_code == 200
    except httpx.HTTPError:
        return False
