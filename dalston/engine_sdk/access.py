"""How an engine reads its audio in pieces, and keeps files while it still works.

Only the standard library is imported here: this is loaded in every engine's child.
"""

from __future__ import annotations

import io
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

HEADER_BYTES = 44
"""Of a WAV file with nothing but `fmt ` and `data`."""
UNKNOWN_SIZE = 0xFFFFFFFF
"""What the header of a WAV file says that was begun before its length was known."""


class Access(ABC):
    """What stands behind `TaskInput.open_audio`, `create` and `keep`."""

    @abstractmethod
    def open_audio(self) -> BinaryIO:
        """Open the audio for reading; it can be sought in."""

    @abstractmethod
    def create(self, name: str, chunk: Mapping[str, float] | None) -> BinaryIO:
        """Open a file for writing that is kept once it is closed."""


class LocalAccess(Access):
    """Everything is a file of this machine: for work without a server.

    Args:
        audio: The audio.
        folder: Where the kept files go.

    Attributes:
        files: What was kept, by name.
        chunks: What was said of each chunk, in order; `file` is its name.
    """

    def __init__(self, audio: Path, folder: Path) -> None:
        self._audio = audio
        self._folder = folder
        self.files: dict[str, Path] = {}
        self.chunks: list[dict[str, Any]] = []

    def open_audio(self) -> BinaryIO:
        """Open the audio for reading."""
        return self._audio.open("rb")

    def create(self, name: str, chunk: Mapping[str, float] | None) -> BinaryIO:
        """Open a file for writing that is kept once it is closed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.files[name] = self._folder / name
        if chunk is not None:
            self.chunks.append({"file": name, **chunk})
        return _LocalFile(path, partial(self._forget, name))

    def _forget(self, name: str) -> None:
        self.files.pop(name).unlink()
        self.chunks = [chunk for chunk in self.chunks if chunk["file"] != name]


class _LocalFile(io.BufferedWriter):
    """A file that is not kept if it is left by an error."""

    def __init__(self, path: Path, forget: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._forget = forget

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:  # noqa: ANN401, PYI036 - as the base class has it
        super().__exit__(kind, error, trace)
        if kind is not None:
            self._forget()


def completed_header(head: bytes, file_bytes: int) -> bytes:
    """Return the beginning of a WAV file with the sizes that its writer could not know.

    Args:
        head: The file's first bytes; they stay as they are unless they are a header whose size
            of the samples is `UNKNOWN_SIZE`.
        file_bytes: Size of the whole file.
    """
    streamed = struct.pack("<4sI", b"data", UNKNOWN_SIZE)
    data = head[HEADER_BYTES - len(streamed) : HEADER_BYTES]
    if head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt " or data != streamed:
        return head
    whole = struct.pack("<I", file_bytes - 8)
    samples = struct.pack("<I", file_bytes - HEADER_BYTES)
    return head[:4] + whole + head[8 : HEADER_BYTES - 4] + samples + head[HEADER_BYTES:]


def complete_header(path: Path) -> None:
    """Put the sizes into a WAV file that its writer could not know."""
    with path.open("r+b") as file:
        head = file.read(HEADER_BYTES)
        completed = completed_header(head, path.stat().st_size)
        if completed != head:
            file.seek(0)
            file.write(completed)
