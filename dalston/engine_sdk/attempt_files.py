"""What an attempt reads from the store and keeps in it while its engine still works.

The child asks over a socket (`remote.py`); this is the supervisor's side. A file that is being
kept goes to the store as it is written. A chunk is announced once its file is there.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable, Container
from pathlib import PurePosixPath
from typing import Any

import msgspec

from dalston.common.errors import DalstonError, ObjectMissingError, StoreUnavailableError
from dalston.common.messages import Attempt
from dalston.common.models import Failure, Part
from dalston.common.storage import (
    AUDIO_NAME,
    FAILURE_NAME,
    OUTPUT_NAME,
    ObjectStore,
    attempt_folder,
)
from dalston.common.transcript import Chunk
from dalston.engine_sdk.access import HEADER_BYTES, completed_header
from dalston.engine_sdk.failures import UNREADABLE_INPUT, not_stored
from dalston.engine_sdk.patience import patiently

_READING = ("size", "read")
_PIECES_WAITING = 2
"""Of a file that is being written: who writes more waits for the store."""
_ENDED_AT_ONCE = 2
"""Files whose end has been written and that may still be on their way to the store."""
LARGEST_PIECE = 16 * 1024 * 1024
"""Bytes that one question may carry, or ask for."""

_NAME_BYTES = 250
"""A file's name has 255 at most, and a folder adds `#1` while the file is written."""
_UNFINISHED = re.compile(r".*#[0-9]+", re.DOTALL)

Announce = Callable[[int, Part], None]


class _Chunks(msgspec.Struct, frozen=True):
    chunks: list[Chunk] = []


class FileRefusedError(ValueError):
    """The engine asked for what it may not have; says why."""


class _Given(Exception):  # noqa: N818 - ends a stream that nobody waits for any more
    """The file isn't wanted any more."""


class AttemptFiles:
    """The files of one attempt.

    Args:
        store: Where they are.
        attempt: Whose folder the kept ones go to.
        audio: Object path of the attempt's audio.
        announce: Is told index and place of each chunk whose file is in the store; None if the
            engine doesn't say that it makes chunks.

    Attributes:
        names: Of the files that are kept.
        asked_at: When the engine last asked for something, by the loop's clock; infinitely late
            while it waits for an answer.
    """

    def __init__(
        self, store: ObjectStore, attempt: Attempt, audio: str, announce: Announce | None
    ) -> None:
        self._store = store
        self._folder = attempt_folder(attempt.job_id, attempt.task_id, attempt.folder)
        self._audio = audio
        self._announce = announce
        self._size: int | None = None
        self._open: dict[str, _Stream] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._parts: list[Part] = []
        self._error: Exception | None = None
        self._was_reading = False
        self._lost: set[str] = set()
        """What was written to its end, and is not in the store."""
        self.names: set[str] = set()
        self.asked_at = 0.0

    @property
    def missed(self) -> Failure | None:
        """What the engine failed of if the store could not be used; None if that wasn't it."""
        if not isinstance(self._error, StoreUnavailableError):
            return None
        return UNREADABLE_INPUT if self._was_reading else not_stored(self._error)

    @property
    def lacked_object(self) -> bool:
        """Whether the store answered, and did not have what the engine asked for."""
        return isinstance(self._error, ObjectMissingError)

    @property
    def lacked_room(self) -> bool:
        """Whether the store was full, and nothing of this attempt lies there.

        What it has kept stays, as others may be at work on it. One attempt after the other would
        take what room there is left.
        """
        return is_full(self._error) and not self.has_stored()

    def has_stored(self) -> bool:
        """Tell whether something of this attempt lies in the store, or may."""
        return not self.names <= self._lost

    def is_idle(self) -> bool:
        """Tell whether the engine has kept nothing, and nothing has gone wrong."""
        return not self.names and self._error is None

    async def answer(self, question: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Do what the child asks.

        Returns:
            The answer, whose bytes are in its `body`; or `code`, `message` and `retryable`.
        """
        self.asked_at = math.inf
        try:
            return await self._answer(question, body)
        except (DalstonError, FileRefusedError, ValueError, KeyError, TypeError) as error:
            if self._error is None:
                self._error = error
                self._was_reading = question.get("what") in _READING
            return msgspec.structs.asdict(why(error))
        finally:
            self.asked_at = asyncio.get_running_loop().time()

    async def _answer(self, question: dict[str, Any], body: bytes) -> dict[str, Any]:
        match question["what"]:
            case "size":
                return {"size": await self._audio_bytes()}
            case "read":
                return {"body": await self._read(question["start"], question["length"])}
            case "write":
                await self._stream(question["name"]).write(body)
            case "end":
                await self._end(question["name"], question["chunk"])
            case "abort":
                await self._leave(question["name"])
            case other:
                raise FileRefusedError(f"nobody knows what '{other}' is")
        return {}

    async def _audio_bytes(self) -> int:
        if self._size is None:
            self._size = await patiently(lambda: self._store.size(self._audio))
        return self._size

    async def _read(self, start: int, length: int) -> bytes:
        if not 0 < length <= LARGEST_PIECE:
            raise FileRefusedError(f"{length} bytes are no piece")
        data = await patiently(lambda: self._store.get_range(self._audio, start, length))
        if start == 0 and length >= HEADER_BYTES and self._audio.endswith(f"/{AUDIO_NAME}"):
            return completed_header(data, await self._audio_bytes())
        return data

    def _stream(self, name: str) -> _Stream:
        stream = self._open.get(name)
        if stream is None:
            check_name(name, self.names)
            self.names.add(name)
            stream = self._open[name] = _Stream(self._store, f"{self._folder}/{name}")
        return stream

    async def _end(self, name: str, chunk: dict[str, float] | None) -> None:
        part = None if chunk is None else self._part(name, chunk)
        stream = self._stream(name)
        del self._open[name]
        index = len(self._parts)
        if part is not None:
            self._parts.append(part)
        self._ended.append(asyncio.create_task(self._store_rest(stream, index, part)))
        while len(self._ended) >= _ENDED_AT_ONCE:
            await self._ended.pop(0)

    async def _leave(self, name: str) -> None:
        """Let go of a file that an error has left: another one may be begun under its name."""
        stream = self._open.pop(name, None)
        if stream is not None:
            self.names.discard(name)
            await stream.abort()

    def _part(self, name: str, chunk: dict[str, float]) -> Part:
        if self._announce is None:
            raise FileRefusedError("its engine.yaml doesn't say that it produces chunks")
        place = msgspec.convert({"file": name, **chunk}, Chunk)
        path = f"{self._folder}/{name}"
        return msgspec.convert(msgspec.structs.asdict(place) | {"path": path}, Part)

    async def _store_rest(self, stream: _Stream, index: int, part: Part | None) -> None:
        try:
            await stream.end()
        except DalstonError:
            self._lost.add(stream.name)
            raise
        if part is not None and self._announce is not None:
            self._announce(index, part)

    def check(self, output: bytes) -> None:
        """Refuse an output that contradicts what work has begun on.

        Raises:
            ValueError: Its chunks are not those that were handed over.
        """
        if not self._parts:
            return
        try:
            named = msgspec.json.decode(output, type=_Chunks).chunks
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None
        places = [(part.file, *part.place) for part in self._parts]
        if [msgspec.structs.astuple(chunk) for chunk in named] != places:
            raise ValueError("its chunks are not those that it has handed over")

    async def complete(self) -> None:
        """Wait until all files are in the store that were written to their end.

        Raises:
            DalstonError: The store could not be used, now or before.
            FileRefusedError: Something was refused before: the engine can't have what it thinks.
        """
        try:
            while self._ended:
                await self._ended.pop(0)
            if self._error is not None:
                raise self._error
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Let go of what has not been written to its end; nothing is left of it."""
        streams, self._open = list(self._open.values()), {}
        self.names -= {stream.name for stream in streams}
        for stream in streams:
            await stream.abort()
        ended, self._ended = self._ended, []
        await asyncio.gather(*ended, return_exceptions=True)


class _Stream:
    """One file on its way to the store."""

    def __init__(self, store: ObjectStore, path: str) -> None:
        self.name = PurePosixPath(path).name
        self._pieces: asyncio.Queue[bytes | _Given | None] = asyncio.Queue(_PIECES_WAITING)
        self._storing = asyncio.create_task(store.put_stream(path, self._written()))

    async def _written(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, _Given):
                raise piece
            yield piece

    async def write(self, piece: bytes) -> None:
        """Add a piece, once there is room for it."""
        await self._put(piece)

    async def end(self) -> None:
        """Wait until all of it is in the store."""
        await self._put(None)
        await self._storing

    async def abort(self) -> None:
        """Leave nothing of it behind."""
        if not self._storing.done():
            await self._put(_Given())
        await asyncio.gather(self._storing, return_exceptions=True)

    async def _put(self, piece: bytes | _Given | None) -> None:
        putting = asyncio.ensure_future(self._pieces.put(piece))
        await asyncio.wait((putting, self._storing), return_when=asyncio.FIRST_COMPLETED)
        if not putting.done():
            # Nobody takes it any more: the store has failed.
            putting.cancel()
            await self._storing


def check_name(name: str, kept: Container[str] = ()) -> None:
    """Refuse a name under which nothing can be kept.

    Raises:
        FileRefusedError: It is not a plain file name, one that has a meaning of its own, or one
            that a store may not take; or it is among those of the files that are kept.
    """
    if PurePosixPath(name).name != name or name in {OUTPUT_NAME, FAILURE_NAME, "", ".", ".."}:
        raise FileRefusedError(f"'{name}' is no name for a file to keep")
    if _UNFINISHED.fullmatch(name):
        raise FileRefusedError(f"'{name}' ends as files do that are being written")
    if len(name.encode()) > _NAME_BYTES:
        raise FileRefusedError(f"'{name[:20]}…' is longer than {_NAME_BYTES} bytes")
    if name in kept:
        raise FileRefusedError(f"the file '{name}' has been kept already")


def is_full(error: Exception | None) -> bool:
    """Tell whether an error says that the store is full.

    One that is nearly full has room for other objects, and for a probe.
    """
    return isinstance(error, StoreUnavailableError) and error.full


def why(error: Exception) -> Failure:
    """Return what the child and the user are told of an error."""
    if isinstance(error, DalstonError):
        return Failure(error.code, error.message, retryable=True)
    text = f"The engine asked for files in a way that it must not: {error}."
    return Failure("invalid_engine_output", text, retryable=True)
