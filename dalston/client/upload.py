"""A recording's bytes on their way to a server: those of one moment, or none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

_CHANGED = (
    "The recording was written to while it was sent. Transcribe it again when it is whole; of one "
    "that never is, send a copy."
)

State = tuple[int, int]
"""A file's length and when it was last written to: what tells that it has changed."""


class RecordingChangedError(OSError):
    """A recording isn't any more what it was when its upload began."""


def state_of(path: Path) -> State | None:
    """Return a file's state; None if there is none any more."""
    try:
        return _state(path.stat())
    except OSError:
        return None


def _state(found: os.stat_result) -> State:
    return found.st_size, found.st_mtime_ns


class Upload:
    """A file that counts what is read of it, and is as long as it was at first.

    httpx announces the length before it reads: of a file that grows meanwhile it would send more
    than that, which ends in an error of the protocol that nobody understands. So it finds out the
    length by `seek`, for want of a `fileno`.

    Args:
        file: The recording.
        on_sent: Is told bytes read and bytes in all.
    """

    def __init__(self, file: IO[bytes], on_sent: Callable[[int, int], None]) -> None:
        self._file = file
        self._on_sent = on_sent
        self._began = _state(os.fstat(file.fileno()))
        self._total, _ = self._began

    def tell(self) -> int:
        """Return how much has been read."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted from the end of what there was at first if so asked."""
        return self._file.seek(offset + (self._total if whence == os.SEEK_END else 0))

    def read(self, size: int = -1) -> bytes:
        """Read on, also once more at the end.

        Raises:
            RecordingChangedError: Somebody has written to the file. What was sent is no whole
                request, so it becomes no job.
        """
        data = self._file.read(size)
        if _state(os.fstat(self._file.fileno())) != self._began:
            raise RecordingChangedError(_CHANGED)
        self._on_sent(self._file.tell(), self._total)
        return data
