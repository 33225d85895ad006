"""An output whose segments come one by one, on its way through a supervisor."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO

import msgspec

from dalston.common.transcript import SegmentCheck, has_segments
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask, SaidOutput


class LongOutput:
    """A file into which an output is written, its segments last, and checked on the way.

    Args:
        task: Whose output it is.
        head: All of it but the segments.
    """

    def __init__(self, task: ChildTask, head: SaidOutput) -> None:
        self._path = Path(task.long_output)
        self._files = head.paths()
        self._data = b""
        self._error: Exception | None = None
        self._is_empty = True
        self._file: IO[bytes] | None = None
        try:
            fields = msgspec.json.decode(head.text(), type=dict[str, msgspec.Raw])
            fields.pop("segments", None)
            self._data = msgspec.json.encode(fields | {"segments": msgspec.Raw(b"[]")})
            self._check = SegmentCheck(_duration(fields)) if has_segments(task.stage) else None
            self._file = self._path.open("wb")
            self._file.write(self._data.removesuffix(b"]}"))
        except (ValueError, OSError) as error:
            self._error = error

    def add(self, segment: msgspec.Raw) -> None:
        """Add a segment; what is wrong with it is told at the end."""
        if self._error is not None or self._file is None:
            return
        try:
            text = bytes(segment)
            if not text.isascii():
                text.decode()
            if self._check is not None:
                self._check.add(text)
            self._file.write(text if self._is_empty else b"," + text)
            self._is_empty = False
        except (ValueError, OSError) as error:
            self._error = error

    def end(self) -> ChildOutput:
        """Write the end and return the output.

        Raises:
            ValueError: It is not what its stage promises; says where.
            OSError: There was no room for it.
        """
        if self._error is None and self._file is not None:
            self._file.write(b"]}")
            self._file.close()
        if self._error is not None:
            raise self._error
        return ChildOutput(self._data, self._files, self._path)

    def close(self) -> None:
        """Let go of the file, which stays where it is."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def _duration(fields: dict[str, msgspec.Raw]) -> float | None:
    """Return the recording's length; what is none is found when the head is checked."""
    try:
        return msgspec.json.decode(fields["duration"], type=float | None)
    except (KeyError, msgspec.DecodeError):
        return None
