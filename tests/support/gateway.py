"""The gateway's parts in a test's own process, with a database that is watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from dalston.common.errors import DatabaseUnavailableError
from dalston.common.models import Job, JobStatus, new_job_id
from dalston.common.storage import original_path
from dalston.db.session import Database
from dalston.db.statements import Connection
from dalston.gateway.parts import Parts


class WatchedDatabase(Database):
    """Counts its transactions, and can be held or lose its answer at the commit."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads = 0
        self.writes = 0
        self.loses_answers = False
        self.in_transaction = asyncio.Event()
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        self.reads += 1
        async with super().read() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        self.reads += 1
        async with super().snapshot() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        self.writes += 1
        async with super().write() as connection:
            self.in_transaction.set()
            await self.may_commit.wait()
            yield connection
        if self.loses_answers:
            raise DatabaseUnavailableError("the connection broke after the commit")


async def stored_job(parts: Parts) -> Job:
    """Store a recording and return the job that it is to become."""
    job_id = new_job_id()
    path = original_path(job_id, "wav")
    await parts.store.put(path, job_id.encode())
    return Job(
        id=job_id,
        status=JobStatus.PENDING,
        pipeline="stub",
        owner="local",
        parameters={},
        filename="a.wav",
        audio_path=path,
        audio_bytes=len(job_id),
        created_at=datetime.now(UTC),
    )


async def recordings(parts: Parts) -> set[str]:
    """Return the ids of the jobs that have objects."""
    return {path.split("/")[1] for path in await parts.store.list("jobs")}
