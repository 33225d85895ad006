"""The child's side of its second line to the supervisor: it asks, the supervisor answers.

A question is a line of JSON with the task's id, followed by as many bytes as its `bytes` says; so
is an answer. One question at a time. Only the standard library is imported here.
"""

from __future__ import annotations

import io
import json
import socket
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dalston.engine_sdk.access import Access
from dalston.engine_sdk.types import TaskFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

PIECE_BYTES = 1024 * 1024
"""What is asked for, or sent, at a time."""
_KEPT_PIECES = 4
"""Of the audio: some formats are read at several places by turns."""


class Line:
    """The child's end of the line.

    Args:
        descriptor: Of a connected stream socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = socket.socket(fileno=descriptor).makefile("rwb")
        self._lock = threading.Lock()

    def ask(self, task_id: str, what: str, body: bytes = b"", **fields: object) -> dict[str, Any]:
        """Ask and wait for the answer, whose bytes are in its `body`.

        Raises:
            TaskFailed: The supervisor says why it can't be.
        """
        question = {"task_id": task_id, "what": what, "bytes": len(body), **fields}
        line = json.dumps(question, allow_nan=False).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.write(body)
            self._file.flush()
            answer: dict[str, Any] = json.loads(self._file.readline())
            answer["body"] = self._file.read(answer["bytes"])
        if "code" in answer:
            raise TaskFailed(answer["code"], answer["message"], retryable=answer["retryable"])
        return answer


class RemoteAccess(Access):
    """Reads from the store and writes to it, through the supervisor.

    Args:
        line: To the supervisor.
        task_id: The task that it is about.
        audio: Where the audio lies if it has been brought here.
    """

    def __init__(self, line: Line, task_id: str, audio: Path) -> None:
        self._line = line
        self._task_id = task_id
        self._audio = audio

    def open_audio(self) -> BinaryIO:
        """Open the audio for reading: the file, if there is one, or what the store has."""
        if self._audio.exists():
            return self._audio.open("rb")
        return io.BufferedReader(_RemoteAudio(self._line, self._task_id))

    def create(self, name: str, chunk: Mapping[str, float] | None) -> BinaryIO:
        """Open a file for writing that goes to the store piece by piece."""
        return _RemoteFile(self._line, self._task_id, name, chunk)


class _RemoteAudio(io.RawIOBase):
    def __init__(self, line: Line, task_id: str) -> None:
        self._line = line
        self._task_id = task_id
        self._size = int(line.ask(task_id, "size")["size"])
        self._position = 0
        self._pieces: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        number, first = divmod(self._position, PIECE_BYTES)
        with memoryview(buffer).cast("B") as view:
            found = self._piece(number)[first : first + len(view)]
            view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _piece(self, number: int) -> bytes:
        piece = self._pieces.get(number)
        if piece is not None:
            self._pieces.move_to_end(number)
            return piece
        start = number * PIECE_BYTES
        length = min(PIECE_BYTES, self._size - start)
        if length <= 0:
            return b""
        answer = self._line.ask(self._task_id, "read", start=start, length=length)
        body: bytes = answer["body"]
        self._pieces[number] = body
        if len(self._pieces) > _KEPT_PIECES:
            self._pieces.popitem(last=False)
        return body


class _RemoteFile(io.BytesIO):
    """Sends what is written as soon as there is a piece of it; the end when it is closed.

    One that is left by an error is not kept.
    """

    def __init__(
        self, line: Line, task_id: str, name: str, chunk: Mapping[str, float] | None
    ) -> None:
        super().__init__()
        self._line = line
        self._about: dict[str, Any] = {
            "name": name,
            "chunk": None if chunk is None else dict(chunk),
        }
        self._task_id = task_id

    def write(self, data: ReadableBuffer, /) -> int:
        written = super().write(data)
        if self.tell() >= PIECE_BYTES:
            self._send()
        return written

    def _send(self) -> None:
        with self.getbuffer() as written:
            for start in range(0, len(written), PIECE_BYTES):
                piece = bytes(written[start : start + PIECE_BYTES])
                self._line.ask(self._task_id, "write", piece, name=self._about["name"])
        self.seek(0)
        self.truncate()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:  # noqa: ANN401, PYI036 - as the base class has it
        if kind is None:
            self.close()
            return
        super().close()
        # Should it fail: the error that there is says more.
        with suppress(TaskFailed, OSError, ValueError):
            self._line.ask(self._task_id, "abort", name=self._about["name"])

    def close(self) -> None:
        if not self.closed:
            try:
                self._send()
                self._line.ask(self._task_id, "end", **self._about)
            finally:
                super().close()
