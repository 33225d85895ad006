"""Recordings that were uploaded before it is said what is to be done with them.

Each lies below a name of its own, as if it were a job's that has no row. So housekeeping deletes it
with other orphans, unless a job is made of it before; that job gets a copy. From then on the upload
is a note of the job, so that nothing is left of a recording when its job is deleted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator

import structlog

from dalston.common.access import Caller
from dalston.common.errors import (
    DatabaseUnavailableError,
    EmptyFileError,
    JobNotFoundError,
    ObjectMissingError,
    StoreUnavailableError,
)
from dalston.common.storage import ObjectStore, upload_folder
from dalston.db.session import Database
from dalston.db.uploads import count_upload, forget_upload, is_counted, require_room
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.sources import recording_of

log = structlog.get_logger(__name__)

_UPLOAD_ID = re.compile(r"upload_[0-9a-f]{24}")
_RECORDING, _NOTE = "recording.bin", "job.json"


class HeldRecordings:
    """Recordings that wait for a job.

    Args:
        database: Counts them.
        store: Has them.
        jobs: Knows the recordings of jobs.
    """

    def __init__(self, database: Database, store: ObjectStore, jobs: JobService) -> None:
        self._database = database
        self._store = store
        self._jobs = jobs

    async def hold(self, caller: Caller, pieces: AsyncIterator[bytes]) -> str:
        """Store a recording of a caller, and return its id.

        Raises:
            LimitReachedError: The caller has as much as may be.
            EmptyFileError: It has no bytes.
            Exception: Whatever `pieces` raised; nothing is left behind then.
        """
        if is_counted(caller):
            async with self._database.read() as connection:
                await require_room(connection, caller)
        upload_id = f"upload_{secrets.token_hex(12)}"
        path = f"{upload_folder(upload_id, caller.owner)}/{_RECORDING}"
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for piece in pieces:
                size += len(piece)
                yield piece

        await self._store.put_stream(path, counted())
        if size == 0:
            await self._store.delete(path)
            raise EmptyFileError("The body has no bytes. Send a recording.")
        if is_counted(caller):
            try:
                async with self._database.write() as connection:
                    await count_upload(connection, caller, upload_id, size)
            except BaseException:
                await self._store.delete(path)
                raise
        return upload_id

    async def find(self, owner: str, name: str) -> str | None:
        """Return the object path of a recording of an owner, if it is there.

        Args:
            owner: Whose it must be.
            name: The id of an upload or of a job.
        """
        job_id = name
        if _UPLOAD_ID.fullmatch(name):
            folder = upload_folder(name, owner)
            path = f"{folder}/{_RECORDING}"
            if await self._store.exists(path):
                return path
            try:
                job_id = (await self._store.get(f"{folder}/{_NOTE}")).decode()
            except ObjectMissingError:
                return None
        try:
            view = await self._jobs.look(owner, job_id)
        except JobNotFoundError:
            return None
        found = recording_of(view.job, view.tasks)
        return found if found is not None and await self._store.exists(found) else None

    async def release(self, caller: Caller, name: str, job_id: str) -> None:
        """Have an upload stand for the job that was made of it, if store and database answer.

        If not, housekeeping deletes it later, and it counts until the day is over. The job is
        there, and nobody must make another.
        """
        if not _UPLOAD_ID.fullmatch(name):
            return
        folder = upload_folder(name, caller.owner)
        try:
            if await self._store.exists(f"{folder}/{_RECORDING}"):
                await self._store.put(f"{folder}/{_NOTE}", job_id.encode())
                await self._store.delete(f"{folder}/{_RECORDING}")
            if is_counted(caller):
                async with self._database.write() as connection:
                    await forget_upload(connection, name)
        except (StoreUnavailableError, DatabaseUnavailableError) as error:
            log.warning("upload_kept", job_id=job_id, reason=repr(error.__cause__))
