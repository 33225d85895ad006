"""An output whose segments come one by one, on its way through a supervisor."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from dalston.common.transcript import SegmentCheck, check_stage_output, layout
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask, SaidOutput

_MEGABYTE = 1024 * 1024
_OWN_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class LongOutput:
    """A file into which an output is written as it comes, and checked on the way.

    What is wrong with it is told at the end: until then the rest is taken and thrown away.

    Args:
        path: Where it is written.
        task: Whose output it is.
        head: All of it but the segments.
        most_mb: Megabytes that it may have.
    """

    def __init__(self, path: Path, task: ChildTask, head: SaidOutput, most_mb: int) -> None:
        self._path = path
        self._files = head.paths()
        self._most_mb = most_mb
        self._size = 0
        self._data = b""
        self._error: ValueError | OSError | None = None
        self._check: SegmentCheck | None = None
        self._separator = b""
        self._file: IO[bytes] | None = None
        self._is_whole = False
        try:
            fields = msgspec.json.decode(head.text(), type=dict[str, msgspec.Raw])
            fields.pop("segments", None)
            begin, self._end = layout(fields)
            self._data = begin + self._end
            self._check = check_stage_output(task.stage, self._data)
            self._file = os.fdopen(os.open(path, _OWN_FILE, 0o600), "wb")
            self._write(begin)
        except (ValueError, OSError) as error:
            self._error = error

    def add(self, segment: msgspec.Raw) -> None:
        """Add a segment."""
        if self._error is not None:
            return
        try:
            text = bytes(segment)
            if not text.isascii():
                text.decode()
            if self._check is not None:
                self._check.add(text)
            self._write(self._separator + text)
            self._separator = b","
        except (ValueError, OSError) as error:
            self._error = error

    def _write(self, text: bytes) -> None:
        self._size += len(text)
        if self._size > self._most_mb * _MEGABYTE:
            raise ValueError(f"it is longer than {self._most_mb} MB, which is `limits.file_mb`")
        if self._file is not None:
            self._file.write(text)

    def end(self) -> ChildOutput:
        """Write the end and return the output, whose file is the caller's from now on.

        Raises:
            ValueError: It is not what its stage promises; says where.
            OSError: There was no room for it.
        """
        if self._error is not None or self._file is None:
            raise self._error or ValueError("it has no file")
        self._write(self._end)
        self._file.close()
        self._is_whole = True
        return ChildOutput(self._data, self._files, self._path)

    def close(self) -> None:
        """Remove the file, unless the output came to its end."""
        if self._file is not None and not self._is_whole:
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)
