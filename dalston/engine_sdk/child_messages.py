"""What a supervisor and an engine's child say to each other about a task.

Outputs of stages pass through the supervisor as the JSON that they are: those of a long recording
take many times their room as Python's objects, and nobody looks at them on the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class ChildTask(msgspec.Struct, frozen=True):
    """What the child is given for a task; paths are local.

    Attributes:
        chunk_outputs: By stage, a file with what the stage found in each chunk, one JSON object
            in each line.
        last: Whether the output will be the transcript.
    """

    task_id: str
    job_id: str
    audio_path: str
    previous_outputs: dict[str, Any]
    config: dict[str, Any]
    work_folder: str
    chunk_outputs: dict[str, str] = {}
    warnings: list[str] = []
    stage: str = ""
    last: bool = False


class ChildOutput(msgspec.Struct, frozen=True):
    """What the child returned for a task.

    Attributes:
        data: JSON; without its segments, if they are many.
        files: Local paths by name.
        whole: A file with all of the JSON, if it is not in `data`.
    """

    data: bytes
    files: dict[str, Path]
    whole: Path | None = None

    def local_files(self) -> tuple[Path, ...]:
        """Return all files that the output is kept in until it is stored."""
        return (*self.files.values(), *(() if self.whole is None else (self.whole,)))


class SaidSetup(msgspec.Struct, frozen=True, tag_field="kind", tag="setup"):
    """How far it is with loading a model, in fields that nobody needs during a task."""


class SaidProgress(msgspec.Struct, frozen=True, tag_field="kind", tag="progress"):
    """How far the task is."""

    task_id: str
    done: float
    total: float


class SaidOutput(msgspec.Struct, frozen=True, tag_field="kind", tag="output"):
    """The task's output; if it goes on, all of it but its segments, which come behind."""

    task_id: str
    data: msgspec.Raw
    files: dict[str, str]
    goes_on: bool = False

    def paths(self) -> dict[str, Path]:
        """Return where the files lie."""
        return {name: Path(path) for name, path in self.files.items()}

    def text(self) -> bytes:
        """Return the data.

        Raises:
            ValueError: It isn't UTF-8, which nobody has looked at yet.
        """
        data = bytes(self.data)
        if not data.isascii():
            data.decode()
        return data


class SaidSegment(msgspec.Struct, frozen=True, tag_field="kind", tag="segment"):
    """The next segment of an output that goes on."""

    task_id: str
    data: msgspec.Raw


class SaidEnd(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """That was all of an output that went on: so many segments."""

    task_id: str
    count: int


class SaidFailed(msgspec.Struct, frozen=True, tag_field="kind", tag="failed"):
    """Why there is no output: as an engine put it, so of any type."""

    task_id: str
    code: Any
    message: Any
    retryable: Any


Said = SaidSetup | SaidProgress | SaidOutput | SaidSegment | SaidEnd | SaidFailed
read = msgspec.json.Decoder(Said).decode
"""Return what a line of the child says about its task.

Raises:
    msgspec.DecodeError: It is no message that there is.
    ValueError: It isn't UTF-8.
"""


def opened(output: bytes | msgspec.Raw) -> dict[str, Any]:
    """Return a stage's output, its values still JSON, but for `duration`, which has a meaning here.

    Args:
        output: A JSON object.

    Raises:
        msgspec.DecodeError: It isn't one.
    """
    data = bytes(output)
    if b"\n" in data:
        # A message to the child is one line.
        data = msgspec.json.format(data, indent=-1)
    found: dict[str, Any] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    if "duration" in found:
        found["duration"] = msgspec.json.decode(found["duration"])
    return found
