"""What goes into an engine, what comes out, and how it says no.

Only the standard library is imported here: these types are loaded in every engine's child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from dalston.engine_sdk.access import Access

ProgressSink = Callable[[float, float], None]


def no_progress(_done: float, _total: float) -> None:
    """The sink of an input that nobody listens to."""


@dataclass(frozen=True)
class TaskInput:
    """One stage of work on one piece of audio.

    Attributes:
        task_id: `task_` and 16 hexadecimal digits.
        job_id: `job_` and 12 hexadecimal digits.
        audio_path: A local file. The recording as it was uploaded, or what an earlier stage
            made of it (`audio.wav`, or a chunk: 16 kHz, mono, signed 16-bit). It is there
            unless the engine's `engine.yaml` says `needs: {audio: false}`, or `on_demand`.
        previous_outputs: The data of each stage that this one comes after, by stage name. A
            stage that works on chunks, seen from one that works on the whole recording, is a
            list in order of time (with `needs: {chunk_outputs: on_demand}` a sequence whose
            elements are read when they are looked at); each element also has `offset`,
            `core_start` and `core_end`, in seconds of the recording, and `channel` if the
            channels are apart. For a task on a chunk, the stage that cut the
            recording says what the chunk is: `duration`, `file`, `start`, `end`, `core_start`,
            `core_end`, and `channel` if the channels are apart.
        config: The engine's configuration for this task, defaults filled in.
        work_folder: An empty folder for files; it is emptied when the task has ended.
        warnings: What went wrong in optional stages before this one. Whoever makes the
            transcript passes them on.
        stage: The stage that is to be done, for an engine that does several.
    """

    task_id: str
    job_id: str
    audio_path: Path
    previous_outputs: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    work_folder: Path = Path()
    warnings: list[str] = field(default_factory=list)
    stage: str = ""
    progress_sink: ProgressSink = field(default=no_progress, repr=False, compare=False)
    access: Access | None = field(default=None, repr=False, compare=False)

    def progress(self, done: float, total: float) -> None:
        """Report how far the work is, in any unit.

        Args:
            done: What is finished, for example seconds of audio.
            total: All of it, in the same unit; more than zero.
        """
        self.progress_sink(done, total)

    def open_audio(self) -> BinaryIO:
        """Open the audio for reading, wherever it is.

        With `needs: {audio: on_demand}` a long recording isn't brought to this machine's disk:
        what is read comes from the store then, a megabyte at a time.

        Returns:
            A binary file that can be sought in, as `audio_path.open("rb")` would give.
        """
        return self.audio_path.open("rb") if self.access is None else self.access.open_audio()

    def create(self, name: str) -> BinaryIO:
        """Open a file for writing that is kept without ever lying on this machine's disk.

        What is written goes to the store while the engine works. The file counts with the
        task's output, as one of `TaskOutput.files` does; one that is left by an error is not
        kept. A WAV file whose length isn't known when it is begun says `0xFFFFFFFF` for its two
        sizes; later stages get it with the right ones.

        Args:
            name: Under which it is kept.
        """
        return self._access().create(name, None)

    def keep(self, name: str, content: bytes, *, chunk: Mapping[str, float] | None = None) -> None:
        """Keep a file now, while the work goes on.

        Args:
            name: Under which it is kept.
            content: All of it.
            chunk: If the file is a chunk of the recording: `start`, `end`, `core_start` and
                `core_end`, in seconds. Work on the chunk may begin at once, so this is final:
                chunks come in order of time, the output's `chunks` must say the same, and so
                must a second try on the same recording. An only chunk is better left to the
                output: what is planned on a first one expects others behind it.
        """
        with self._access().create(name, chunk) as file:
            file.write(content)

    def _access(self) -> Access:
        if self.access is None:
            raise RuntimeError("Nobody keeps files here: run the task with open_engine().")
        return self.access


@dataclass(frozen=True)
class TaskOutput:
    """What a stage found out.

    Attributes:
        data: JSON data: dicts, lists, strings, numbers, booleans and None.
        files: Files to keep beside it, by the name under which they are kept. A later stage
            gets the one called `audio.wav` as its `audio_path`, if this engine's `engine.yaml`
            says that it produces `audio`.
        segments: For a result that may be too long to be held at once: what would be
            `data["segments"]`, one after the other. They are taken once, when `process` has
            returned; the task's files and folders are still there then.
    """

    data: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)
    segments: Iterable[dict[str, Any]] | None = None


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
