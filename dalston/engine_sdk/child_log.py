"""Brings what an engine prints to the supervisor's own log.

Not through the file itself, if it is one: `limits.file_mb` counts for every file that the child
writes to, and a log that is longer than that would take nothing more from it.
"""

from __future__ import annotations

import asyncio
import os
import select
from contextlib import suppress

_PIECE_BYTES = getattr(select, "PIPE_BUF", 512)
"""What a log that can be written to takes without having this process wait."""
_LAST_PIECES = 64 * 1024 // _PIECE_BYTES
"""No pipe holds more, so that whoever still writes to one is not copied without end."""
_PAUSE_SECONDS = 0.05
"""Before a log is looked at again that nobody reads: meanwhile the engine waits, as it would if it
wrote there itself, and nothing else does."""
_STANDARD_ERROR = 2


class ChildLog:
    """A pipe from one child to the standard error of this process."""

    def __init__(self) -> None:
        self._read_end: int | None = None

    def open(self) -> int:
        """Begin to copy; return the child's end, which the caller closes once the child has it."""
        self._read_end, childs_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._listen()
        return childs_end

    def _listen(self) -> None:
        if self._read_end is not None:
            asyncio.get_running_loop().add_reader(self._read_end, self._copy)

    def _copy(self) -> bool:
        """Copy a piece; return whether there was one."""
        if self._read_end is None:
            return False
        if not _log_takes_more():
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._read_end)
            loop.call_later(_PAUSE_SECONDS, self._listen)
            return False
        try:
            piece = os.read(self._read_end, _PIECE_BYTES)
        except BlockingIOError:
            return False
        if not piece:
            self._close(self._read_end)
            return False
        # Where nobody reads the log, or it has no room, the engine goes on without.
        with suppress(OSError):
            while piece:
                piece = piece[os.write(_STANDARD_ERROR, piece) :]
        return True

    def close(self) -> None:
        """Copy what is left, and no more: somebody may still have the other end."""
        for _ in range(_LAST_PIECES):
            if not self._copy():
                break
        if self._read_end is not None:
            self._close(self._read_end)

    def _close(self, read_end: int) -> None:
        self._read_end = None
        asyncio.get_running_loop().remove_reader(read_end)
        os.close(read_end)


def _log_takes_more() -> bool:
    try:
        _, writable, _ = select.select([], [_STANDARD_ERROR], [], 0)
    except OSError:
        # It has been closed: nobody waits for that.
        return True
    return bool(writable)
