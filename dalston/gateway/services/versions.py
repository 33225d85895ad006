"""The results that a job has had, before and beside its present one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dalston.common.errors import ObjectMissingError, VersionNotFoundError
from dalston.common.models import Job, JobStatus
from dalston.db.reading import history_of
from dalston.db.versions import Version, versions_of
from dalston.gateway.parts import Parts
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.lookup import found_job
from dalston.gateway.services.stored_transcripts import Stored, stored


@dataclass(frozen=True)
class VersionSummary:
    """One version of a job as it is listed."""

    version: int
    status: JobStatus
    rerun: dict[str, Any] | None
    started_at: datetime | None
    completed_at: datetime | None


class Versions:
    """What the handlers call."""

    def __init__(self, parts: Parts, jobs: JobService) -> None:
        self._parts = parts
        self._jobs = jobs

    async def summaries(self, owner: str, job_id: str) -> list[VersionSummary]:
        """Return all versions of a job of an owner, the present one last.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        job, earlier = await self._read(owner, job_id)
        versions: list[Job | Version] = [*earlier, job]
        return [_summary(one) for one in versions]

    async def read(
        self,
        owner: str,
        job_id: str,
        number: int,
        *,
        with_history: bool = False,
        in_pieces: bool = False,
    ) -> JobView:
        """Return a job of an owner as it was in one of its versions, with that transcript.

        Args:
            owner: Whose it is.
            job_id: Its id.
            number: The version's.
            with_history: Whether the job's history is wanted, which is that of all versions.
            in_pieces: Whether a long transcript may come in pieces.

        Raises:
            JobNotFoundError: There is none of that id.
            VersionNotFoundError: It has no such version.
        """
        job, earlier = await self._read(owner, job_id)
        while number == job.version:
            view = await self._jobs.read(
                owner, job_id, with_history=with_history, in_pieces=in_pieces
            )
            if view.job.version == number:
                return view
            # It has been rerun in between, and what was asked for is an earlier version now.
            job, earlier = await self._read(owner, job_id)
        found = next((version for version in earlier if version.version == number), None)
        if found is None:
            raise VersionNotFoundError(
                f"The job has no version {number}; its newest is {job.version}. GET …/versions "
                f"lists them.",
                param="version",
            )
        history = None
        if with_history:
            async with self._parts.database.read() as connection:
                history = await history_of(connection, job_id)
        fields, pieces = await self._transcript(found, in_pieces=in_pieces)
        return JobView(_as_it_was(job, found), found.tasks, {}, fields, history, pieces=pieces)

    async def _transcript(self, version: Version, *, in_pieces: bool) -> Stored:
        """Return the transcript of a version, if it has one.

        Raises:
            VersionNotFoundError: It isn't in the store any more.
        """
        if version.status is not JobStatus.COMPLETED:
            return Stored(None)
        found = Stored(None)
        with contextlib.suppress(ObjectMissingError):
            found = await stored(
                self._parts.store, version.transcript_path, version.transcript, in_pieces=in_pieces
            )
        if found.fields is None:
            raise VersionNotFoundError(
                f"The transcript of version {version.version} isn't in the store any more.",
                param="version",
            )
        return found

    async def _read(self, owner: str, job_id: str) -> tuple[Job, list[Version]]:
        async with self._parts.database.snapshot() as connection:
            job = await found_job(connection, owner, job_id)
            return job, await versions_of(connection, [job_id])


def _as_it_was(job: Job, version: Version) -> Job:
    return Job(
        id=job.id,
        status=version.status,
        pipeline=job.pipeline,
        owner=job.owner,
        parameters=version.parameters,
        filename=job.filename,
        audio_path=job.audio_path,
        audio_bytes=job.audio_bytes,
        created_at=job.created_at,
        started_at=version.started_at,
        completed_at=version.completed_at,
        transcript_path=version.transcript_path,
        error=version.error,
        version=version.version,
        rerun=version.rerun,
        deadline_seconds=job.deadline_seconds,
        retention=job.retention,
        retention_days=job.retention_days,
        audio_deleted_at=job.audio_deleted_at,
    )


def _summary(one: Job | Version) -> VersionSummary:
    return VersionSummary(one.version, one.status, one.rerun, one.started_at, one.completed_at)
