"""The object store, on a local folder or on S3, and the name of every object in it."""

from __future__ import annotations

import atexit
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import obstore
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import LocalStore, S3Store

from dalston.common.errors import ConfigurationError, ObjectMissingError, StoreUnavailableError

# obstore's async calls can abort a short-lived process while the interpreter ends: its
# background thread still wants to set a result. A moment's wait at exit lets it finish.
atexit.register(time.sleep, 0.02)

PART_BYTES = 8 * 1024 * 1024
"""Bytes of one part of a streamed upload."""
OUTPUT_NAME = "output.json"
FAILURE_NAME = "failure.json"
AUDIO_NAME = "audio.wav"
"""Name under which a stage keeps the audio that later stages shall work on."""


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


def attempt_folder(job_id: str, task_id: str, attempt: str) -> str:
    """Return the prefix of one attempt's objects; `attempt` is `Attempt.folder`."""
    return f"jobs/{job_id}/tasks/{task_id}/{attempt}"


def output_path(job_id: str, task_id: str, attempt: str) -> str:
    """Return the object path of one attempt's output."""
    return f"{attempt_folder(job_id, task_id, attempt)}/{OUTPUT_NAME}"


def failure_path(job_id: str, task_id: str, attempt: str) -> str:
    """Return the object path of the reason why one attempt failed."""
    return f"{attempt_folder(job_id, task_id, attempt)}/{FAILURE_NAME}"


def audio_beside(path: str) -> str:
    """Return the object path of the audio that was kept beside an output."""
    return f"{path.rpartition('/')[0]}/{AUDIO_NAME}"


def transcript_path(job_id: str) -> str:
    """Return the object path of a job's transcript."""
    return f"jobs/{job_id}/transcript.json"


class ObjectStore:
    """One client for the process's life. Every method may raise `StoreUnavailableError`."""

    def __init__(self, settings: StoreSettings) -> None:
        self._store: LocalStore | S3Store
        if settings.bucket is not None:
            self._store = _open_s3(settings)
        elif settings.folder is not None:
            settings.folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(settings.folder, automatic_cleanup=True)
        else:
            raise ConfigurationError("Name a bucket (S3_BUCKET) or a data folder for the objects.")

    async def put(self, path: str, data: bytes | Path) -> None:
        """Write a small object, or a file in parts; nobody sees it before it is whole."""
        try:
            if isinstance(data, Path):
                await obstore.put_async(self._store, path, data, chunk_size=PART_BYTES)
            else:
                await obstore.put_async(self._store, path, data, use_multipart=False)
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error

    async def put_stream(self, path: str, parts: AsyncIterator[bytes]) -> None:
        """Write an object as its bytes arrive.

        Raises:
            Exception: Whatever `parts` raised; nothing is left behind then.
        """
        failed: list[Exception] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for part in parts:
                    yield part
            except Exception as error:
                # It may be of a kind that the store raises too, and must not pass for one.
                failed.append(error)
                raise

        try:
            await obstore.put_async(
                self._store, path, watched(), chunk_size=PART_BYTES, max_concurrency=2
            )
        except (ObstoreError, OSError) as error:
            if failed:
                raise failed[0] from None
            raise _unavailable(error) from error

    async def get(self, path: str) -> bytes:
        """Read a whole small object.

        Raises:
            ObjectMissingError: It isn't there.
        """
        try:
            result = await obstore.get_async(self._store, path)
            return bytes(await result.bytes_async())
        except FileNotFoundError:
            raise ObjectMissingError(f"The object {path} is not in the store.") from None
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error

    async def download(self, path: str, target: Path) -> None:
        """Write an object to a local file, part by part.

        Raises:
            ObjectMissingError: It isn't there.
            OSError: The local file can't be written.
        """
        local: list[OSError] = []
        try:
            result = await obstore.get_async(self._store, path)
            with target.open("wb") as file:
                async for part in result.stream(min_chunk_size=PART_BYTES):
                    try:
                        file.write(part)
                    except OSError as error:
                        # A full disk here must not pass for a store that doesn't answer.
                        local.append(error)
                        raise
        except FileNotFoundError:
            raise ObjectMissingError(f"The object {path} is not in the store.") from None
        except (ObstoreError, OSError) as error:
            if local:
                raise local[0] from None
            raise _unavailable(error) from error

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store.

        Raises:
            ObjectMissingError: The source isn't there.
        """
        try:
            await obstore.copy_async(self._store, source, target)
        except FileNotFoundError:
            raise ObjectMissingError(f"The object {source} is not in the store.") from None
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error

    async def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        try:
            await obstore.head_async(self._store, path)
        except FileNotFoundError:
            return False
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error
        return True

    async def list(self, prefix: str) -> list[str]:
        """Return the paths of all objects below a prefix."""
        paths: list[str] = []
        try:
            async for batch in obstore.list(self._store, prefix, chunk_size=1000):
                paths.extend(entry["path"] for entry in batch)
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error
        return paths

    async def delete_below(self, prefix: str) -> int:
        """Delete all objects below a prefix and return how many there were."""
        paths = await self.list(prefix)
        for path in paths:
            await self.delete(path)
        return len(paths)

    async def delete(self, path: str) -> None:
        """Delete an object; one that isn't there is as good as deleted."""
        try:
            await obstore.delete_async(self._store, path)
        except FileNotFoundError:
            return
        except (ObstoreError, OSError) as error:
            raise _unavailable(error) from error

    async def check(self) -> None:
        """Find out whether the store answers, by writing and deleting a small object."""
        await self.put("health/probe", b"")
        await self.delete("health/probe")


def _open_s3(settings: StoreSettings) -> S3Store:
    options: dict[str, str] = {}
    if settings.endpoint_url is not None:
        options["endpoint"] = settings.endpoint_url
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        options["access_key_id"] = settings.access_key_id
        options["secret_access_key"] = settings.secret_access_key
    plain_http = (settings.endpoint_url or "").startswith("http://")
    return S3Store(
        settings.bucket,
        region=settings.region or "us-east-1",
        client_options={"allow_http": plain_http, "timeout": "60s", "connect_timeout": "5s"},
        **options,  # type: ignore[arg-type]
    )


def _unavailable(error: Exception) -> StoreUnavailableError:
    # The library's text carries paths and URLs, so it stays in the log (as the cause).
    return StoreUnavailableError(
        f"The object store can't be used now ({type(error).__name__}). Try again later; "
        f"/health/ready says which part is down."
    )
