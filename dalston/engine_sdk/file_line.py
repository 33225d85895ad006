"""The supervisor's end of the line over which a child reads and keeps files (`remote.py`)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from dalston.engine_sdk.attempt_files import LARGEST_PIECE, AttemptFiles

log = structlog.get_logger(__name__)

_OVER = {"code": "engine_error", "message": "This task has ended.", "retryable": True}


class FileLine:
    """Answers one child's questions, one at a time.

    Args:
        files_of: Returns the files of a task, or None if the child isn't at it any more.
    """

    def __init__(self, files_of: Callable[[str], AttemptFiles | None]) -> None:
        self._files_of = files_of
        self._answering: asyncio.Task[None] | None = None
        self._own_end: socket.socket | None = None

    def open(self) -> socket.socket:
        """Return the child's end, which the caller closes once the child has it."""
        self._own_end, childs_end = socket.socketpair()
        return childs_end

    async def begin(self) -> None:
        """Answer until `close` is called or the child ends."""
        reader, writer = await asyncio.open_unix_connection(sock=self._own_end)
        self._answering = asyncio.create_task(self._answer(reader, writer))

    async def close(self) -> None:
        """Answer nothing more."""
        answering, self._answering = self._answering, None
        if answering is not None:
            answering.cancel()
            await asyncio.wait([answering])
        elif self._own_end is not None:
            # The child was never there.
            self._own_end.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer, body = await self._answer_one(line, reader)
                writer.write(msgspec.json.encode(answer | {"bytes": len(body)}) + b"\n")
                writer.write(body)
                await writer.drain()
        except (OSError, EOFError):
            # The child has died: whoever watches it says so.
            return
        except Exception:
            # The child gets no answer and ends with an error, which is reported.
            log.exception("file_line_broken")
        finally:
            writer.close()

    async def _answer_one(
        self, line: bytes, reader: asyncio.StreamReader
    ) -> tuple[dict[str, Any], bytes]:
        question: dict[str, Any] = msgspec.json.decode(line)
        if not 0 <= question["bytes"] <= LARGEST_PIECE:
            raise ValueError("too much at once")
        body = await reader.readexactly(question["bytes"])
        files = self._files_of(question["task_id"])
        if files is None:
            return _OVER, b""
        answer = await files.answer(question, body)
        return answer, answer.pop("body", b"")
