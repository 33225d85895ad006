"""The engine that does what a recording tells it to do, and the marks of its tries."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.deployment import REPOSITORY

ENGINES = ("obedient-transcriber", "stub-merger")


@dataclass(frozen=True)
class Obedient:
    """A folder of marks, one for each try."""

    folder: Path

    def settings(self) -> dict[str, str]:
        """Return what a server needs to know the engine and its pipeline."""
        support = REPOSITORY / "tests" / "support"
        return {
            "TEST_MARKS": str(self.folder),
            "DALSTON_ENGINES": str(support / "engines"),
            "DALSTON_PIPELINES": str(support / "pipelines"),
            "DALSTON_PIPELINE": "obedient",
        }

    def tries(self, task_id: str) -> int:
        """Return how often a task was begun."""
        return len(list(self.folder.glob(f"{task_id}.*")))

    def tries_by_task(self) -> Counter[str]:
        """Return how often each task was begun, by its id."""
        return Counter(path.name.split(".")[0] for path in self.folder.iterdir())


def recording(**wish: Any) -> bytes:
    """Return a recording that says `do`, `tries`, `seconds`, and what makes it another one."""
    return json.dumps(wish).encode()


def text_of(audio: bytes) -> str:
    """Return the one right transcript of a recording."""
    return hashlib.sha256(audio).hexdigest()
