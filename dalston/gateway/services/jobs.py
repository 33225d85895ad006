"""The life of a job as its client sees it: submit, read, list, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from dalston.common.errors import (
    EmptyFileError,
    JobNotFoundError,
    MissingFileError,
    ObjectMissingError,
    UnknownFieldError,
    UnknownPipelineError,
    UnsupportedLanguageError,
)
from dalston.common.languages import language_code
from dalston.common.messages import JobCreated
from dalston.common.models import JOB_ID, Job, JobStatus, Task, TaskStatus, new_job_id
from dalston.common.storage import job_folder, original_path
from dalston.db import jobs as transitions
from dalston.db import reading, removal, work
from dalston.db.locking import lock
from dalston.db.reading import HistoryRow
from dalston.gateway.parts import Parts
from dalston.gateway.services.media import stored_extension
from dalston.gateway.uploads import FILE_FIELD, FileStart, FormReader, TextField

log = structlog.get_logger(__name__)

OWNER = "local"
"""Whose all jobs are, as long as nobody has to say who they are."""
DETECT_LANGUAGE = "auto"
_FIELDS = ("pipeline", "language")
_LONGEST_ECHO = 60
"""Characters of a wrong value that an error repeats."""


@dataclass(frozen=True)
class JobView:
    """A job with all that is shown of it.

    Attributes:
        progress: Done parts of each running task, 0 to 1, by task id.
        transcript: The final task's output, once the job is completed.
        history: Only if it was asked for.
    """

    job: Job
    tasks: Sequence[Task]
    progress: dict[str, float]
    transcript: dict[str, Any] | None = None
    history: Sequence[HistoryRow] | None = None


@dataclass
class _Upload:
    path: str
    filename: str
    size: int = 0


class JobService:
    """What the handlers call."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def submit(self, form: FormReader) -> Job:
        """Store the recording as it arrives, then the job; a refusal leaves nothing behind.

        Raises:
            RequestError: The form is not one that can become a job.
        """
        job_id = await self._free_job_id()
        try:
            fields, upload = await self._receive(form, job_id)
            job = self._new_job(job_id, fields, upload)
        except BaseException:
            # Also when the client has gone away: nobody will ever ask for this object.
            await self._parts.store.delete_below(job_folder(job_id))
            raise
        job = await self._accept(job)
        log.info("job_accepted", job_id=job.id, pipeline=job.pipeline, bytes=job.audio_bytes)
        try:
            await self._parts.events.emit([JobCreated(job.id)])
        except (RedisError, OSError) as error:
            # The job is durable; an orchestrator's sweep finds it.
            log.warning("redis_unavailable", job_id=job.id, reason=repr(error))
        return job

    async def _free_job_id(self) -> str:
        async with self._parts.database.read() as connection:
            while await reading.job_id_taken(connection, job_id := new_job_id()):
                log.warning("job_id_collision", job_id=job_id)
        return job_id

    async def _receive(
        self, form: FormReader, job_id: str
    ) -> tuple[dict[str, str], _Upload | None]:
        fields: dict[str, str] = {}
        upload: _Upload | None = None
        while (event := await form.next_event()) is not None:
            if isinstance(event, TextField):
                self._check_field(event)
                fields[event.name] = event.value
            elif isinstance(event, FileStart):
                if event.name != FILE_FIELD:
                    raise UnknownFieldError(
                        f"The file must be in the field 'file', not '{event.name}'.",
                        param=event.name,
                    )
                upload = await self._store(form, event, job_id)
        return fields, upload

    def _check_field(self, field: TextField) -> None:
        if field.name not in _FIELDS:
            raise UnknownFieldError(
                f"The field '{field.name}' isn't known. Known fields: file, {', '.join(_FIELDS)}.",
                param=field.name,
            )
        if field.name == "pipeline":
            self._pipeline(field.value)

    async def _store(self, form: FormReader, start: FileStart, job_id: str) -> _Upload:
        extension = stored_extension(start.filename, start.content_type)
        upload = _Upload(original_path(job_id, extension), start.filename)

        async def counted() -> Any:  # noqa: ANN401 - an asynchronous generator of bytes
            async for chunk in form.file_data():
                upload.size += len(chunk)
                yield chunk

        await self._parts.store.put_stream(upload.path, counted())
        if upload.size == 0:
            raise EmptyFileError("The file has no bytes. Send a recording.", param="file")
        return upload

    def _new_job(self, job_id: str, fields: dict[str, str], upload: _Upload | None) -> Job:
        if upload is None:
            raise MissingFileError(
                "There is no file. Send one in the field 'file': curl -F file=@talk.mp3 …",
                param="file",
            )
        pipeline = self._pipeline(fields.get("pipeline"))
        language = self._language(pipeline, fields.get("language"))
        return Job(
            id=job_id,
            status=JobStatus.PENDING,
            pipeline=pipeline,
            owner=OWNER,
            parameters={} if language is None else {"language": language},
            filename=upload.filename or None,
            audio_path=upload.path,
            audio_bytes=upload.size,
            created_at=datetime.now(UTC),
        )

    async def _accept(self, job: Job) -> Job:
        """Write a job's row; from the commit on, its recording is never thrown away."""
        committing = False
        try:
            async with self._parts.database.write() as connection:
                await transitions.create_job(connection, job)
                stored = await reading.find_job(connection, job.id)
                committing = True
        except BaseException:
            if committing:
                # The commit may have arrived although its answer did not.
                log.warning("recording_kept", job_id=job.id)
            else:
                await self._parts.store.delete_below(job_folder(job.id))
            raise
        return job if stored is None else stored

    def _pipeline(self, name: str | None) -> str:
        name = name or self._parts.default_pipeline
        known = self._parts.catalog.pipelines
        if name not in known:
            raise UnknownPipelineError(
                f"There is no pipeline '{_short(name)}'. Known pipelines: "
                f"{', '.join(sorted(known))}.",
                param="pipeline",
            )
        return name

    def _language(self, pipeline: str, asked: str | None) -> str | None:
        if not asked or asked.lower() == DETECT_LANGUAGE:
            return None
        engine = self._parts.catalog.language_engine(self._parts.catalog.pipelines[pipeline])
        known = [] if engine is None else engine.known_languages()
        code = language_code(asked)
        if code is None or code not in known:
            raise UnsupportedLanguageError(
                f"The language '{_short(asked)}' isn't known to the pipeline '{pipeline}'. Leave "
                f"it out to have it detected, or use one of: {', '.join(known) or 'none'}.",
                param="language",
            )
        return code

    async def read(self, job_id: str, *, with_history: bool = False) -> JobView:
        """Return a job with its tasks, and its transcript if it is completed.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        async with self._parts.database.read() as connection:
            job = None
            if JOB_ID.fullmatch(job_id):
                job = await reading.find_job(connection, job_id)
            if job is None:
                raise _not_found(job_id)
            own_tasks = (await reading.tasks_of(connection, [job_id]))[job_id]
            history = await reading.history_of(connection, job_id) if with_history else None
        transcript = None
        if job.status is JobStatus.COMPLETED and job.transcript_path is not None:
            try:
                stored = await self._parts.store.get(job.transcript_path)
            except ObjectMissingError:
                # Deleted between the two reads.
                raise _not_found(job_id) from None
            transcript = msgspec.json.decode(stored)
        progress = await self._progress(own_tasks)
        return JobView(job, own_tasks, progress, transcript, history)

    async def _progress(self, own_tasks: Sequence[Task]) -> dict[str, float]:
        running = {task.id: task for task in own_tasks if task.status is TaskStatus.RUNNING}
        try:
            leases = await self._parts.queue.leases(list(running))
        except (RedisError, OSError):
            # Without Redis the rows alone are shown.
            return {}
        return {
            task_id: min(1.0, lease.progress[0] / lease.progress[1])
            for task_id, lease in leases.items()
            if lease.token == running[task_id].token and lease.progress and lease.progress[1] > 0
        }

    async def list(
        self, limit: int, status: JobStatus | None, after: tuple[datetime, str] | None
    ) -> list[JobView]:
        """Return a page of jobs, newest first, without their transcripts."""
        async with self._parts.database.read() as connection:
            found = await reading.list_jobs(connection, limit=limit, status=status, after=after)
            tasks = await reading.tasks_of(connection, [job.id for job in found])
        return [JobView(job, tasks[job.id], {}) for job in found]

    async def delete(self, job_id: str) -> None:
        """Cancel a job if it still runs, hide it, and remove all its objects.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        if not JOB_ID.fullmatch(job_id):
            raise _not_found(job_id)
        async with self._parts.database.write() as connection:
            locked = await lock(connection, [job_id])
            if await reading.find_job(connection, job_id) is None:
                raise _not_found(job_id)
            await transitions.cancel_jobs(connection, locked, [job_id])
            await removal.mark_deleted(connection, job_id)
            handed_out = await work.handed_out_tasks(connection, [job_id])
        try:
            for engine_id, task_id in handed_out:
                await self._parts.queue.withdraw(engine_id, task_id)
            await self._parts.queue.forget_jobs([job_id])
        except (RedisError, OSError) as error:
            # The engine's next message is refused, which closes its lease.
            log.warning("redis_unavailable", job_id=job_id, reason=repr(error))
        await self._parts.store.delete_below(job_folder(job_id))
        log.info("job_deleted", job_id=job_id)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"


def _not_found(job_id: str) -> JobNotFoundError:
    shown = job_id if JOB_ID.fullmatch(job_id) else "of that id"
    return JobNotFoundError(
        f"There is no job {shown}. It may have been deleted; GET /v1/audio/transcriptions lists "
        f"what is there."
    )
