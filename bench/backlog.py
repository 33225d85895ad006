"""Jobs inserted by SQL, as they stand in the tables when the orchestrator has planned them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.database import Record, Tables

OWNER = "somebody-else"
"""Not the owner of the jobs that are submitted over HTTP, who shares the engines with this one."""
_HIGHEST_RANK = 1000
"""A job's place among those of its owner counts up to here (`dalston/db/rank.py`)."""
_JOB_COLUMNS = (
    *("id", "owner", "status", "pipeline", "parameters", "filename"),
    *("audio_path", "audio_bytes", "created_at", "started_at"),
)
_TASK_COLUMNS = (
    *("id", "job_id", "stage", "index", "engine_id"),
    *("status", "hand_out", "rank", "final", "config", "failures", "losses", "restarts"),
)
_HISTORY_COLUMNS = ("job_id", "task_id", "at", "from_status", "to_status", "why")


@dataclass(frozen=True)
class Task:
    """One task of a planned job.

    Attributes:
        stage: Its stage.
        index: Which of its stage.
        engine: Id of the engine that does it.
        after: Places of the tasks before it, in the job's list.
    """

    stage: str
    index: int
    engine: str
    after: tuple[int, ...] = ()

    @property
    def status(self) -> str:
        """What the task is when its job has been planned."""
        return "pending" if self.after else "ready"


STUB = (Task("transcribe", 0, "stub-transcriber"), Task("merge", 0, "stub-merger", (0,)))
"""What the pipeline `stub` plans."""


def fan(width: int) -> tuple[Task, ...]:
    """Return a first task, so many that come after it side by side, and one that merges them."""
    parts = tuple(
        Task("transcribe", index, "stub-transcriber", (0,)) for index in range(1, width + 1)
    )
    last = Task("merge", 0, "stub-merger", tuple(range(1, width + 1)))
    return (Task("first", 0, "stub-transcriber"), *parts, last)


@dataclass(frozen=True)
class Audio:
    """A recording that all inserted jobs share."""

    path: str
    size: int


def some_audio(tables: Tables) -> Audio:
    """Return the recording of a job that was submitted."""
    path = tables.value("SELECT min(audio_path) FROM jobs")
    size = tables.value("SELECT max(audio_bytes) FROM jobs WHERE audio_path = $1", path)
    return Audio(str(path), int(size))


def insert_jobs(tables: Tables, tasks: Sequence[Task], count: int, audio: Audio) -> list[str]:
    """Insert running jobs whose first task is ready.

    Args:
        tables: Where to.
        tasks: What each job consists of; the last one is final.
        count: How many jobs.
        audio: The recording of all of them.

    Returns:
        Their ids.
    """
    rows = _Rows([secrets.token_hex(6) for _ in range(count)], tasks, audio)
    tables.add("jobs", _JOB_COLUMNS, rows.jobs())
    tables.add("tasks", _TASK_COLUMNS, rows.tasks())
    tables.add("task_edges", ("task_id", "after_id"), rows.edges())
    tables.add("history", _HISTORY_COLUMNS, rows.history())
    return [f"job_{name}" for name in rows.names]


class _Rows:
    """The rows of jobs that all have the same shape."""

    def __init__(self, names: list[str], shape: Sequence[Task], audio: Audio) -> None:
        self.names = names
        self._shape = shape
        self._audio = audio
        self._now = datetime.now(UTC)

    def jobs(self) -> Iterator[Record]:
        now, audio = self._now, self._audio
        for name in self.names:
            yield (
                *(f"job_{name}", OWNER, "running", "stub", "{}", "bench.wav"),
                *(audio.path, audio.size, now, now),
            )

    def tasks(self) -> Iterator[Record]:
        for number, name in enumerate(self.names, 1):
            rank = float(min(number, _HIGHEST_RANK))
            for place, task in enumerate(self._shape):
                final = int(place == len(self._shape) - 1)
                yield (
                    *(_task_id(name, place), f"job_{name}", task.stage, task.index, task.engine),
                    *(task.status, 1, 0.0 if task.after else rank, final, "{}", 0, 0, 0),
                )

    def edges(self) -> Iterator[Record]:
        for name in self.names:
            for place, task in enumerate(self._shape):
                for before in task.after:
                    yield (_task_id(name, place), _task_id(name, before))

    def history(self) -> Iterator[Record]:
        for name in self.names:
            job = f"job_{name}"
            yield (job, None, self._now, None, "pending", "accepted")
            yield (job, None, self._now, "pending", "running", "planned")
            for place, task in enumerate(self._shape):
                why = f"stage {task.stage}"
                yield (job, _task_id(name, place), self._now, None, task.status, why)


def _task_id(name: str, place: int) -> str:
    return f"task_{name}{place:04x}"
