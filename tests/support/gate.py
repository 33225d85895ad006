"""The gate that holds the engine `gated-transcriber` in the middle of its work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.deployment import REPOSITORY
from tests.support.waiting import until

ENGINES = ("gated-transcriber", "stub-merger")


@dataclass(frozen=True)
class Gate:
    """A folder of marks; each run of the engine leaves one when it begins and when it ends."""

    folder: Path

    def settings(self) -> dict[str, str]:
        """Return what a server needs to know the engine and its pipeline."""
        support = REPOSITORY / "tests" / "support"
        return {
            "TEST_GATE": str(self.folder),
            "DALSTON_ENGINES": str(support / "engines"),
            "DALSTON_PIPELINES": str(support / "pipelines"),
            "DALSTON_PIPELINE": "gated",
        }

    def open(self) -> None:
        """Let the engine go on."""
        (self.folder / "open").touch()

    def begun(self) -> list[int]:
        """Return the process ids of the runs that have begun."""
        return [int(path.name.split(".")[1]) for path in self.folder.glob("*.begun")]

    def done(self) -> list[int]:
        """Return the process ids of the runs that have ended."""
        return [int(path.name.split(".")[1]) for path in self.folder.glob("*.done")]

    def wait_for_runs(self, count: int, seconds: float = 60.0) -> list[int]:
        """Wait until so many runs have begun, and return their process ids."""
        until(lambda: len(self.begun()) >= count, f"{count} runs of the engine to begin", seconds)
        return self.begun()


def is_alive(process_id: int) -> bool:
    """Tell whether a process is there and not just waiting to be reaped."""
    try:
        os.kill(process_id, 0)
        status = Path(f"/proc/{process_id}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
