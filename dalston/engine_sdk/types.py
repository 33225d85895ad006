"""What goes into an engine, what comes out, and how it says no.

Only the standard library is imported here: these types are loaded in every engine's child.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ProgressSink = Callable[[float, float], None]


def _no_progress(_done: float, _total: float) -> None:
    """The sink of an input that nobody listens to."""


@dataclass(frozen=True)
class TaskInput:
    """One stage of work on one piece of audio.

    Attributes:
        task_id: `task_` and 16 hexadecimal digits.
        job_id: `job_` and 12 hexadecimal digits.
        audio_path: A local file. The recording as it was uploaded, or what an earlier stage
            made of it (`audio.wav`: 16 kHz, mono, signed 16-bit).
        previous_outputs: The data of each stage that this one comes after, by stage name.
        config: The engine's configuration for this task, defaults filled in.
        work_folder: An empty folder for files; it is removed when the task has ended.
    """

    task_id: str
    job_id: str
    audio_path: Path
    previous_outputs: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    work_folder: Path = Path()
    progress_sink: ProgressSink = field(default=_no_progress, repr=False, compare=False)

    def progress(self, done: float, total: float) -> None:
        """Report how far the work is, in any unit.

        Args:
            done: What is finished, for example seconds of audio.
            total: All of it, in the same unit; more than zero.
        """
        self.progress_sink(done, total)


@dataclass(frozen=True)
class TaskOutput:
    """What a stage found out.

    Attributes:
        data: JSON data: dicts, lists, strings, numbers, booleans and None.
        files: Files to keep beside it, by the name under which they are kept. A later stage
            gets the one called `audio.wav` as its `audio_path`, if this engine's `engine.yaml`
            says that it produces `audio`.
    """

    data: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)


class TaskFailed(Exception):  # noqa: N818 - the name that engine authors raise is a contract
    """The engine can't do this task, and says why.

    Args:
        code: Stable, lower case, for programs: `undecodable_audio`.
        message: For people: what is wrong and what to do about it.
        retryable: Whether the same work may succeed when it is tried again.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
