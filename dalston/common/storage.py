"""The object store, on a local folder or on S3, and the name of every object in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dalston.common.disk import ObjectFolder
from dalston.common.errors import ConfigurationError, ObjectMissingError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore import Bytes, GetResult
    from obstore.store import LocalStore, S3Store

FOLDER_PART_BYTES = 256 * 1024
"""Bytes of one part of a large object that is written to a folder."""
BUCKET_PART_BYTES = 5 * 1024 * 1024
"""The same in a bucket: the least that S3 allows. The 10,000 parts that it allows are 50 GiB."""
_FOLDER_PARTS, _BUCKET_PARTS = 1, 2
"""Parts of one object that are written at a time: a folder isn't quicker with more of them."""
_PROBE_BYTES, _ANSWER_SECONDS = 4096, 5.0
_READ_BYTES = 1024 * 1024
"""Of an object that is copied to a local file, at a time; a smaller one is read at once."""
OUTPUT_NAME = "output.json"
FAILURE_NAME = "failure.json"
AUDIO_NAME = "audio.wav"
"""Name under which a stage keeps the audio that later stages shall work on."""
RECORDING_NAME = "recording"
"""Name under which a recording is kept that was fetched and not uploaded."""
_SOURCE_NAME = "source.url"
SOURCE_ENDING = f"/audio/{_SOURCE_NAME}"
"""Of the path of an order to fetch a recording, and of no other object."""


class StoreSettings(msgspec.Struct, frozen=True):
    """Where objects are kept: a bucket if one is named, otherwise the folder.

    Attributes:
        folder: A local folder; made if it isn't there.
        endpoint_url: Of an S3-compatible service other than Amazon's.
    """

    folder: Path | None = None
    bucket: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


def job_folder(job_id: str) -> str:
    """Return the prefix below which everything of a job is kept."""
    return f"jobs/{job_id}"


def original_path(job_id: str, extension: str) -> str:
    """Return the object path of a job's recording; `extension` has no dot."""
    return f"jobs/{job_id}/audio/original.{extension}"


def source_path(job_id: str) -> str:
    """Return the object path of the order to fetch a job's recording from an address.

    The object is JSON: `url`, and `max_bytes` that the recording may have. The address is kept
    nowhere else, because it may hold a secret: it goes when the job's audio goes.
    """
    return f"jobs/{job_id}/audio/{_SOURCE_NAME}"


def is_source(path: str) -> bool:
    """Tell whether an object is the order to fetch a recording, and not the recording."""
    return path.endswith(SOURCE_ENDING)


def upload_folder(upload_id: str, owner: str) -> str:
    """Return the prefix below which a recording is kept that no job has been made of."""
    return f"jobs/{upload_id}/{owner}"


def attempt_folder(job_id: str, task_id: str, attempt: str) -> str:
    """Return the prefix of one attempt's objects; `attempt` is `Attempt.folder`."""
    return f"jobs/{job_id}/tasks/{task_id}/{attempt}"


def output_path(job_id: str, task_id: str, attempt: str) -> str:
    """Return the object path of one attempt's output."""
    return f"{attempt_folder(job_id, task_id, attempt)}/{OUTPUT_NAME}"


def failure_path(job_id: str, task_id: str, attempt: str) -> str:
    """Return the object path of the reason why one attempt failed."""
    return f"{attempt_folder(job_id, task_id, attempt)}/{FAILURE_NAME}"


def beside(path: str, name: str) -> str:
    """Return the object path of a file that was kept beside an output."""
    return f"{path.rpartition('/')[0]}/{name}"


def transcript_path(job_id: str) -> str:
    """Return the object path of a job's transcript."""
    return f"jobs/{job_id}/transcript.json"


class ObjectStore:
    """One client for the process's life. Every method may raise `StoreUnavailableError`."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._folder: ObjectFolder | None = None
        self._part_bytes, self._parts = FOLDER_PART_BYTES, _FOLDER_PARTS
        if settings.bucket is not None:
            self._part_bytes, self._parts = BUCKET_PART_BYTES, _BUCKET_PARTS
        elif settings.folder is not None:
            self._folder = ObjectFolder(settings.folder)
            settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            raise ConfigurationError("Name a bucket (S3_BUCKET) or a data folder for the objects.")

    @cached_property
    def _store(self) -> LocalStore | S3Store:
        """The library's client, from the first use on: many engines wait without ever having one.

        It takes five megabytes, and eight with its threads.
        """
        from dalston.common.object_clients import open_client  # noqa: PLC0415 - see above

        return open_client(self._settings)

    async def put(self, path: str, data: bytes | Path) -> None:
        """Write a small object, or a file in parts; nobody sees it before it is whole.

        Like every other way of writing one, this returns once no loss of power can take it.
        """
        try:
            if isinstance(data, Path):
                await self._store.put_async(
                    path,
                    data,
                    chunk_size=self._part_bytes,
                    max_concurrency=self._parts,
                )
            else:
                await self._store.put_async(path, data, use_multipart=False)
            await self._to_disk(path)
        except _errors() as error:
            raise _unavailable(error) from error

    async def put_stream(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        """Write an object as its bytes arrive.

        One that is no longer than a part is written at once, because beginning and completing an
        upload in parts costs a store twice the work of a small object.

        Raises:
            Exception: Whatever `pieces` raised; nothing is left behind then.
        """
        head: deque[bytes] = deque()
        size = 0
        async for piece in pieces:
            head.append(piece)
            size += len(piece)
            if size > self._part_bytes:
                await self._put_parts(path, head, pieces)
                return
        try:
            await self._store.put_async(path, list(head), use_multipart=False)
            await self._to_disk(path)
        except _errors() as error:
            raise _unavailable(error) from error

    async def _put_parts(self, path: str, head: deque[bytes], rest: AsyncIterator[bytes]) -> None:
        failed: list[Exception] = []

        async def watched() -> AsyncIterator[bytes]:
            while head:
                yield head.popleft()
            try:
                async for piece in rest:
                    yield piece
            except Exception as error:
                # It may be of a kind that the store raises too, and must not pass for one.
                failed.append(error)
                raise

        try:
            await self._store.put_async(
                path,
                watched(),
                chunk_size=self._part_bytes,
                max_concurrency=self._parts,
            )
            await self._to_disk(path)
        except _errors() as error:
            if failed:
                raise failed[0] from None
            raise _unavailable(error) from error

    async def _to_disk(self, path: str) -> None:
        # A bucket doesn't answer before.
        if self._folder is not None:
            await self._folder.to_disk(path)

    async def get(self, path: str) -> bytes:
        """Read a whole small object.

        Raises:
            ObjectMissingError: It isn't there.
        """
        result = await self._found(path)
        try:
            return bytes(await result.bytes_async())
        except _errors() as error:
            raise _unavailable(error) from error

    async def stream(self, path: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of an object, piece by piece.

        Raises:
            ObjectMissingError: It isn't there.
        """
        async with aclosing(_pieces(await self._found(path))) as pieces:
            async for piece in pieces:
                yield bytes(piece)

    async def size(self, path: str) -> int:
        """Return the bytes of an object.

        Raises:
            ObjectMissingError: It isn't there.
        """
        try:
            found = await self._store.head_async(path)
        except _errors() as error:
            raise await self._refusal(path, error) from error
        return int(found["size"])

    async def get_range(self, path: str, start: int, length: int) -> bytes:
        """Read some bytes of an object, all of which must be there.

        Raises:
            ObjectMissingError: It isn't there.
        """
        try:
            return bytes(await self._store.get_range_async(path, start=start, length=length))
        except _errors() as error:
            raise await self._refusal(path, error) from error

    async def download(self, path: str, target: Path) -> None:
        """Write an object to a local file, piece by piece.

        Raises:
            ObjectMissingError: It isn't there.
            OSError: The local file can't be written.
        """
        result = await self._found(path)
        # A full disk here must not pass for a store that doesn't answer: the file's errors are
        # raised here, those of the store in there.
        with target.open("wb") as file:
            async with aclosing(_pieces(result)) as pieces:
                async for piece in pieces:
                    file.write(piece)

    async def _found(self, path: str) -> GetResult:
        try:
            return await self._store.get_async(path)
        except _errors() as error:
            raise await self._refusal(path, error) from error

    async def _refusal(
        self, path: str, error: Exception
    ) -> ObjectMissingError | StoreUnavailableError:
        from dalston.common.object_clients import lacks  # noqa: PLC0415 - as above

        if isinstance(error, FileNotFoundError) and await lacks(self._store, path, error):
            return ObjectMissingError(f"The object {path} is not in the store.")
        return _unavailable(error)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store.

        Raises:
            ObjectMissingError: The source isn't there.
        """
        try:
            await self._store.copy_async(source, target)
            await self._to_disk(target)
        except _errors() as error:
            raise await self._refusal(source, error) from error

    async def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        try:
            await self.size(path)
        except ObjectMissingError:
            return False
        return True

    async def list(self, prefix: str) -> list[str]:
        """Return the paths of all objects below a prefix."""
        return [path async for some in self.list_in_pieces(prefix) for path in some]

    async def list_in_pieces(self, prefix: str) -> AsyncGenerator[Sequence[str]]:
        """Yield the paths of all objects below a prefix, up to a thousand at a time."""
        try:
            async for batch in self._store.list(prefix, chunk_size=1000):
                yield [entry["path"] for entry in batch]
        except _errors() as error:
            raise _unavailable(error) from error

    def unfinished(self) -> Sequence[str]:
        """Return the files of killed writers in a folder; a bucket has a rule for such parts."""
        return [] if self._folder is None else self._folder.unfinished()

    async def delete_unfinished(self, path: str) -> None:
        """Delete a file that `unfinished` named, or each below a prefix, and empty folders."""
        if self._folder is not None:
            try:
                await asyncio.to_thread(self._folder.delete_unfinished, path)
            except OSError as error:
                raise _unavailable(error) from error

    async def delete_below(self, prefix: str) -> int:
        """Delete all below a prefix, unfinished files too; return how many objects there were."""
        await self.delete_unfinished(prefix)
        paths = await self.list(prefix)
        for path in paths:
            await self.delete(path)
        return len(paths)

    async def delete(self, path: str) -> None:
        """Delete an object; one that isn't there is as good as deleted."""
        try:
            await self._store.delete_async(path)
        except _errors() as error:
            refusal = await self._refusal(path, error)
            if not isinstance(refusal, ObjectMissingError):
                raise refusal from error

    async def answers(self) -> bool:
        """Tell whether it can be used, be it for other objects than one that it doesn't give."""
        with contextlib.suppress(StoreUnavailableError, TimeoutError):
            # A probe that takes longer has waited for a store that was away.
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self.check()
                return True
        return False

    def shares_disk_with(self, path: Path) -> bool:
        """Tell whether a local folder is on the disk that the objects are on."""
        return self._folder is not None and self._folder.shares_disk_with(path)

    async def check(self) -> None:
        """Find out whether the store answers and has room, with an object that isn't empty."""
        await self.put("health/probe", bytes(_PROBE_BYTES))
        await self.delete("health/probe")


async def _pieces(result: GetResult) -> AsyncGenerator[Bytes | bytes, None]:
    try:
        if result.meta["size"] <= _READ_BYTES:
            # A stream costs three times as much as the bytes themselves.
            yield await result.bytes_async()
            return
        async for piece in result.stream(min_chunk_size=_READ_BYTES):
            yield piece
    except _errors() as error:
        raise _unavailable(error) from error


def _errors() -> tuple[type[Exception], ...]:
    """Return what the library raises. Whoever asks has loaded it."""
    from dalston.common.object_clients import ERRORS  # noqa: PLC0415 - as above

    return ERRORS


def _unavailable(error: Exception) -> StoreUnavailableError:
    from dalston.common.object_clients import no_room  # noqa: PLC0415 - as above

    if no_room(error):
        full = StoreUnavailableError(
            "The object store is full. Make room on the disk that it is on."
        )
        full.full = True
        return full
    # The library's text carries paths and URLs, so it stays in the log (as the cause).
    return StoreUnavailableError(
        f"The object store can't be used now ({type(error).__name__}). Try again later; "
        f"/health/ready says which part is down."
    )
