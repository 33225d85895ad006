"""An output whose segments come one by one, on its way through a supervisor."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from dalston.common.transcript import check_stage_output, layout
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask, SaidOutput

_MEGABYTE = 1024 * 1024
_OWN_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LongOutput:
    """A file into which an output is written as it comes, and checked on the way.

    Args:
        path: Where it is written, instead of what an earlier one may have left there.
        task: Whose output it is.
        head: All of it but the segments.
        most_mb: Megabytes that it may have.

    Raises:
        ValueError: It is not what its stage promises; says where.
        OSError: There is no room for it.
    """

    def __init__(self, path: Path, task: ChildTask, head: SaidOutput, most_mb: int) -> None:
        fields = msgspec.json.decode(head.text(), type=dict[str, msgspec.Raw])
        fields.pop("segments", None)
        begin, self._end = layout(fields)
        self._data = begin + self._end
        self._check = check_stage_output(task.stage, self._data, last=task.last)
        self._path = path
        self._files = head.paths()
        self._most_mb = most_mb
        self._size = self._count = 0
        self._is_whole = False
        self._file = _new_file(path)
        try:
            self._write(begin)
        except (ValueError, OSError):
            self.close()
            raise

    def add(self, segment: msgspec.Raw) -> None:
        """Add a segment.

        Raises:
            ValueError: It may not come here; says where.
            OSError: There is no room for it.
        """
        text = bytes(segment)
        if not text.isascii():
            text.decode()
        if self._check is not None:
            self._check.add(text)
        self._write(b"," + text if self._count else text)
        self._count += 1

    def _write(self, text: bytes) -> None:
        self._size += len(text)
        if self._size > self._most_mb * _MEGABYTE:
            raise ValueError(f"it is longer than {self._most_mb} MB, which is `limits.file_mb`")
        self._file.write(text)

    def end(self, count: int) -> ChildOutput:
        """Write the end and return the output, whose file is the caller's from now on.

        Args:
            count: How many segments there were.

        Raises:
            ValueError: There were others, or the file is not there any more.
            OSError: There is no room for it.
        """
        if count != self._count:
            raise ValueError(f"{self._count} of {count} segments have come")
        self._write(self._end)
        self._file.flush()
        if not _is_file(self._file.fileno(), self._path):
            raise ValueError("something else lies where its output was written")
        self._file.close()
        self._is_whole = True
        return ChildOutput(self._data, self._files, self._path)

    def close(self) -> None:
        """Remove the file, unless the output came to its end."""
        if self._is_whole:
            return
        for let_go in (self._file.close, self._path.unlink):
            with suppress(OSError):
                let_go()


def _new_file(path: Path) -> IO[bytes]:
    """Open a file that nobody else has made: the engine can write there too."""
    try:
        path.unlink(missing_ok=True)
        return os.fdopen(os.open(path, _OWN_FILE, 0o600), "wb")
    except (FileExistsError, IsADirectoryError, PermissionError):
        raise ValueError("something else lies where its output is to be written") from None


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
