"""Calls of `dalston transcribe` and others as a shell makes them, on a test's own data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.gate import Gate
from tests.support.waiting import until

_FOREIGN = ("DALSTON_", "DATABASE_URL", "REDIS_URL", "S3_", "AWS_")


def settings(gate: Gate) -> dict[str, str]:
    """Return an environment whose default pipeline is `stub`, and where nothing loads a model."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    chosen = {"DALSTON_PIPELINE": "stub", "DALSTON_TRANSCRIBE_ENGINE": "stub-transcriber"}
    return {**kept, **gate.settings(), **chosen}


@dataclass
class Finished:
    """What a call left: its exit status and what it wrote."""

    status: int
    out: str
    err: str


class Call:
    """One running command."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dalston", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def read_until(self, text: str) -> str:
        """Return the line of standard error that has a text; those before it are gone then."""
        assert self.process.stderr is not None
        line = next((line for line in self.process.stderr if text in line), None)
        assert line is not None, f"the call ended without saying: {text}"
        return line

    def end(self, seconds: float = 240) -> Finished:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=seconds)
        return Finished(self.process.returncode, out, err)


@dataclass
class Shell:
    """Makes calls on one data folder."""

    data_dir: Path
    environment: dict[str, str]
    command: str = "transcribe"
    calls: list[Call] = field(default_factory=list)

    def begin(self, *arguments: str | Path, **changes: str) -> Call:
        """Start a call; `changes` are variables of its environment."""
        given = [self.command, *map(str, arguments), "--data-dir", str(self.data_dir)]
        call = Call(given, self.environment | changes)
        self.calls.append(call)
        return call

    def run(self, *arguments: str | Path, **changes: str) -> Finished:
        """Make a call and wait for its end."""
        return self.begin(*arguments, **changes).end()

    def processes(self) -> list[int]:
        """Return the servers' processes on the data folder, those of their roles included."""
        wanted = str(self.data_dir).encode()
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and wanted in _told(entry)
        ]

    def jobs(self) -> list[str]:
        """Return the ids of the jobs whose recordings are on the data folder."""
        return sorted({path.parts[-3] for path in self.data_dir.glob("objects/jobs/*/*/*")})


def _told(process: Path) -> bytes:
    """Return what a process was told when it was started, empty if it is gone."""
    try:
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def shell(gate: Gate) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dalston-") as folder:
        made = Shell(Path(folder), settings(gate))
        yield made
        for call in made.calls:
            if call.process.poll() is None:
                call.process.kill()
                call.process.communicate()
        until(lambda: not made.processes(), "the servers to end with the calls")


@dataclass(frozen=True)
class Served:
    """A `dalston serve` that runs on a data folder."""

    shell: Shell
    gate: Gate
    url: str
    process: subprocess.Popen[bytes]

    def listed(self) -> list[dict[str, object]]:
        """Return the server's jobs, newest first."""
        jobs: list[dict[str, object]] = httpx.get(f"{self.url}/v1/audio/transcriptions").json()[
            "jobs"
        ]
        return jobs


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    gate = Gate(tmp_path_factory.mktemp("gate"))
    with tempfile.TemporaryDirectory(prefix="dalston-") as folder:
        data_dir = Path(folder)
        command = [sys.executable, "-m", "dalston", "serve", "--port", "0", "--data-dir", folder]
        with (data_dir / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=settings(gate), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        announced = data_dir / "server.json"
        until(lambda: announced.exists() or process.poll() is not None, "the server to start")
        url = httpx.Response(200, content=announced.read_bytes()).json()["url"]
        yield Served(Shell(data_dir, settings(gate)), gate, url, process)
        process.terminate()
        process.wait(60)


@pytest.fixture
def recordings(silence: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a way to get the same second of silence under any name."""

    def named(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(silence.read_bytes())
        return path

    return named
