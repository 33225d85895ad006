"""One `dalston serve` in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from dalston.listening import server_on
from tests.support.gate import Gate
from tests.support.stack import TERMINAL, TRANSCRIPTIONS
from tests.support.waiting import until

SERVE = (sys.executable, "-P", "-m", "dalston", "serve")


class Serve:
    """One `dalston serve` on a data folder."""

    def __init__(
        self, data_dir: Path, gate: Gate, *arguments: str, folder: Path | None = None
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self.out = data_dir.with_suffix(".out")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DALSTON_")}
        settings = gate.settings() | {"DALSTON_TRANSCRIBE_ENGINE": "stub-transcriber"}
        with self.log.open("ab") as log, self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [*SERVE, "--port", "0", "--data-dir", data_dir, *arguments],
                env=kept | settings,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=folder,
            )
        self.url = ""

    def wait_until_ready(self) -> Serve:
        def address() -> str | None:
            if self.process.poll() is not None:
                raise AssertionError(self.log.read_text())
            found = server_on(self.data_dir)
            return found[0] if found is not None and found[1] == self.process.pid else None

        self.url = until(address, "the server to be ready")
        return self

    def processes(self) -> list[int]:
        """Return all processes that belong to the server, its own included."""
        return [
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdecimal() and str(self.data_dir).encode() in environment_of(path)
        ] + [self.process.pid]

    def submit(self, audio: Path) -> str:
        with audio.open("rb") as file:
            answer = httpx.post(f"{self.url}{TRANSCRIPTIONS}", files={"file": file})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def has_started(self, *job_ids: str) -> None:
        """Wait until a task's start is on record."""

        def statuses() -> bool:
            urls = [f"{self.url}{TRANSCRIPTIONS}/{job_id}" for job_id in job_ids]
            tasks = [task for url in urls for task in httpx.get(url).json()["tasks"]]
            return "running" in {task["status"] for task in tasks}

        until(statuses, "the start to be on record")

    def ended(self, job_id: str) -> dict[str, Any]:
        def ended_job() -> dict[str, Any] | None:
            answer = httpx.get(f"{self.url}{TRANSCRIPTIONS}/{job_id}?include=history")
            job: dict[str, Any] = answer.json()
            return job if job["status"] in TERMINAL else None

        return until(ended_job, "the job to end")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def environment_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    except OSError:
        return b""
