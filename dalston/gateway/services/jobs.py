"""The life of a job as its client sees it: submit, read, list, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError

from dalston.common.access import Caller
from dalston.common.errors import (
    BodyTimeoutError,
    EmptyFileError,
    MissingFileError,
    ObjectMissingError,
    UnknownFieldError,
)
from dalston.common.models import UNKNOWN_BYTES, Job, JobStatus, Task, TaskStatus
from dalston.common.storage import job_folder, original_path
from dalston.db import jobs as transitions
from dalston.db import reading, removal, work
from dalston.db.admission import Applicant
from dalston.db.locking import lock
from dalston.db.transcripts import small_transcripts
from dalston.gateway.openai.names import ModelNames
from dalston.gateway.openai.wishes import Wish
from dalston.gateway.parts import Parts
from dalston.gateway.services.acceptance import Acceptance, Accepted, JobIds
from dalston.gateway.services.batches import Batches
from dalston.gateway.services.idempotency import Content, Name
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.lookup import found_job, not_found, require_id
from dalston.gateway.services.media import stored_extension
from dalston.gateway.services.options import Options
from dalston.gateway.services.partial import PartialTexts, words_may_change
from dalston.gateway.services.progress import (
    finished_outputs,
    first_heard,
    progress_of,
)
from dalston.gateway.services.readiness import Readiness
from dalston.gateway.services.room import Room
from dalston.gateway.services.sources import Source, both_ways, store_order
from dalston.gateway.services.stopping import stop_tasks
from dalston.gateway.services.stored_transcripts import stored
from dalston.gateway.services.submitted import Asked, Choices, Fields, Manner, SubmittedFields
from dalston.gateway.services.waiting import Waiting
from dalston.gateway.services.watching import JobWatch
from dalston.gateway.uploads import FILE_FIELD, FileStart, Submission, TextField

log = structlog.get_logger(__name__)

_MOST_READ = 256
"""Jobs that one question to the database asks for."""


class _Rows(NamedTuple):
    """A job, its tasks, and its transcript as JSON if it has no object."""

    job: Job
    tasks: Sequence[Task]
    small_transcript: str | None


@dataclass
class _Upload:
    path: str
    filename: str
    size: int = 0


class Submitted(NamedTuple):
    """A submission that was accepted, and how its client wants to be answered."""

    accepted: Accepted
    wish: Wish | None


class JobService:
    """What the handlers call.

    Attributes:
        names: Knows the models.
        watch: Waits for jobs.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ids = JobIds(parts.database)
        self._acceptance = Acceptance(parts)
        self.room = Room(parts.database)
        self._rows = Batches(self._read_rows, _MOST_READ)
        self._running = Batches(self._read_progress, _MOST_READ)
        self._texts = PartialTexts(parts.store)
        self.names = ModelNames(
            parts.catalog, parts.queue, parts.openai_pipeline, parts.engine_settings
        )
        self.watch = JobWatch(parts.database, parts.events)
        self._choices = Choices(
            catalog=parts.catalog,
            default_pipeline=parts.default_pipeline,
            options=Options(parts.catalog, parts.default_pipeline, parts.engine_settings),
            names=self.names,
            readiness=Readiness(parts),
            deadline_seconds=parts.job_deadline_seconds,
            webhooks=parts.webhooks,
            fetch_private_addresses=bool(parts.engine_settings.get("fetch_private_addresses")),
        )
        self._waiting = Waiting(parts.queue)

    def fields(self, manner: Manner = Manner()) -> SubmittedFields:  # noqa: B008 - it is frozen
        """Return what takes the fields of one submission."""
        return SubmittedFields(self._choices, manner)

    async def submit(
        self,
        asking: Callable[[], Awaitable[Caller]],
        form: Submission,
        fields: Fields,
        name: Name = Name(),  # noqa: B008 - it is frozen
    ) -> Submitted:
        """Store the recording as it arrives, then the job; a refusal leaves nothing behind.

        Args:
            asking: Finds out whose the job is to be, before its recording comes and after.
            form: With the recording.
            fields: Takes the others.
            name: What makes it one job however often it is sent.

        Raises:
            RequestError: The form is not one that can become a job.
            LimitReachedError: The caller has as much as may be.
            InvalidKeyError: Its key has been revoked while the recording came.
        """
        async with self.room.held(await asking(), name):
            return await self._submit(asking, form, fields, name)

    async def _submit(
        self,
        asking: Callable[[], Awaitable[Caller]],
        form: Submission,
        fields: Fields,
        name: Name,
    ) -> Submitted:
        job_id = await self._ids.take()
        content = Content() if name.needs_content else None
        try:
            # What takes longer could be taken for an orphan before its job is there.
            async with asyncio.timeout(self._parts.longest_upload_seconds):
                upload = await self._receive(form, fields, job_id, content)
            # That may have taken hours.
            caller = await asking()
            asked = await fields.asked()
            if asked.source is not None:
                upload = await self._order(caller, job_id, asked.source, upload)
            job = _new_job(caller.owner, job_id, asked, upload)
        except BaseException as error:
            # Also when the client has gone away: nobody will ever ask for this object.
            await self._parts.store.delete_below(job_folder(job_id))
            if isinstance(error, TimeoutError):
                raise BodyTimeoutError(
                    "The upload took too long in all. Send it over a faster connection."
                ) from error
            raise
        digest = None if content is None else content.digest(asked.content)
        key = name.key(caller.owner, digest, job_id)
        accepted = await self._acceptance.accept(Applicant(job, caller.limits, key, name.repeats))
        job = accepted.job
        event = "job_replayed" if accepted.replayed else "job_accepted"
        log.info(event, job_id=job.id, pipeline=job.pipeline, bytes=job.audio_bytes)
        return Submitted(accepted, asked.wish)

    async def close(self) -> None:
        """Finish what has been begun, for a few seconds at most."""
        await self.watch.close()
        await self._acceptance.close()

    async def _receive(
        self, form: Submission, fields: Fields, job_id: str, content: Content | None
    ) -> _Upload | None:
        upload: _Upload | None = None
        while (event := await form.next_event()) is not None:
            if isinstance(event, TextField):
                await fields.take(event)
            elif isinstance(event, FileStart):
                if event.name != FILE_FIELD:
                    raise UnknownFieldError(
                        f"The file must be in the field 'file', not '{event.name}'.",
                        param=event.name,
                    )
                await fields.before_file()
                upload = await self._store(form, event, job_id, content)
        return upload

    async def _store(
        self, form: Submission, start: FileStart, job_id: str, content: Content | None
    ) -> _Upload:
        extension = stored_extension(start.filename, start.content_type)
        upload = _Upload(original_path(job_id, extension), start.filename)

        async def counted() -> Any:  # noqa: ANN401 - an asynchronous generator of bytes
            async for chunk in form.file_data():
                upload.size += len(chunk)
                if content is not None:
                    content.add(chunk)
                yield chunk

        await self._parts.store.put_stream(upload.path, counted())
        if upload.size == 0:
            raise EmptyFileError("The file has no bytes. Send a recording.", param="file")
        return upload

    async def look(self, owner: str, job_id: str) -> JobView:
        """Return a job of an owner with its tasks and how far it is, and nothing of its text.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        require_id(job_id)
        job, own_tasks, _ = await self._rows.add((owner, job_id))
        progress = await self._progress(own_tasks)
        if job.status is JobStatus.PENDING and job.resumed:
            # What is to be done again has no tasks yet: the rest would look as if it were all.
            return JobView(job, own_tasks, progress)
        whole = progress_of(job, own_tasks, progress, datetime.now(UTC))
        hidden = words_may_change(job, own_tasks, self._parts.catalog)
        return JobView(job, own_tasks, progress, whole=whole, words_may_change=hidden)

    async def _order(
        self, caller: Caller, job_id: str, source: Source, upload: _Upload | None
    ) -> _Upload:
        """Store where the recording is, in its place."""
        if upload is not None:
            raise both_ways()
        most = caller.most_bytes(self._parts.max_upload_bytes)
        path = await store_order(self._parts.store, job_id, source, most)
        return _Upload(path, source.filename, UNKNOWN_BYTES)

    async def read(
        self, owner: str, job_id: str, *, with_history: bool = False, in_pieces: bool = False
    ) -> JobView:
        """Return a job of an owner with its tasks, and its transcript if it is completed.

        Args:
            owner: Whose it is.
            job_id: Its id.
            with_history: Whether its history is wanted.
            in_pieces: Whether a long transcript may come in pieces.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        require_id(job_id)
        job, own_tasks, small_transcript = await self._rows.add((owner, job_id))
        history = None
        if with_history:
            async with self._parts.database.read() as connection:
                history = await reading.history_of(connection, job_id)
        progress = await self._progress(own_tasks)
        fields, pieces = None, None
        if job.status is JobStatus.COMPLETED:
            try:
                fields, pieces = await stored(
                    self._parts.store, job.transcript_path, small_transcript, in_pieces=in_pieces
                )
            except ObjectMissingError:
                # Deleted between the two reads.
                raise not_found(job.id) from None
        if job.status is not JobStatus.RUNNING:
            return JobView(job, own_tasks, progress, fields, history, pieces=pieces)
        whole = progress_of(job, own_tasks, progress, datetime.now(UTC))
        hidden = words_may_change(job, own_tasks, self._parts.catalog)
        text = await self._texts.text_of([] if hidden else finished_outputs(own_tasks))
        waiting = await self._waiting.of(own_tasks)
        return JobView(job, own_tasks, progress, None, history, whole, text, waiting)

    async def first_texts(self, view: JobView) -> list[str]:
        """Return the texts of a job's chunks that won't change any more, from the start."""
        if words_may_change(view.job, view.tasks, self._parts.catalog):
            return []
        return await self._texts.first_texts_of([path for path, _ in first_heard(view.tasks)])

    async def _read_rows(self, wanted: Sequence[tuple[str, str]]) -> list[_Rows | Exception]:
        """Read many jobs with their tasks, because many clients ask at the same time."""
        async with self._parts.database.snapshot() as connection:
            found = await reading.owned_jobs(connection, set(wanted))
            # One that has never been planned has no tasks.
            planned = [
                job.id
                for job in found.values()
                if job.status is not JobStatus.PENDING or job.resumed
            ]
            own_tasks = await reading.tasks_of(connection, planned) if planned else {}
            completed = [job.id for job in found.values() if job.status is JobStatus.COMPLETED]
            small = await small_transcripts(connection, completed) if completed else {}
        return [
            _Rows(found[name], own_tasks.get(name[1], ()), small.get(name[1]))
            if name in found
            else not_found(name[1])
            for name in wanted
        ]

    async def _progress(self, own_tasks: Sequence[Task]) -> dict[str, float]:
        running = [task for task in own_tasks if task.status is TaskStatus.RUNNING]
        return await self._running.add(running) if running else {}

    async def _read_progress(self, running: Sequence[Sequence[Task]]) -> list[dict[str, float]]:
        """Read how far the running tasks of many jobs are."""
        try:
            leases = await self._parts.queue.leases(
                sorted({task.id for own_tasks in running for task in own_tasks})
            )
        except (RedisError, OSError):
            # Without Redis the rows alone are shown.
            leases = {}
        return [
            {
                task.id: min(1.0, lease.progress[0] / lease.progress[1])
                for task in own_tasks
                if (lease := leases.get(task.id)) is not None
                and lease.token == task.token
                and lease.progress
                and lease.progress[1] > 0
            }
            for own_tasks in running
        ]

    async def list(
        self, owner: str, limit: int, status: JobStatus | None, after: tuple[datetime, str] | None
    ) -> list[JobView]:
        """Return a page of an owner's jobs, newest first, without transcripts and chunks."""
        async with self._parts.database.snapshot() as connection:
            found = await reading.list_jobs(
                connection, owner=owner, limit=limit, status=status, after=after
            )
            tasks = await reading.tasks_without_chunks(connection, [job.id for job in found])
        return [JobView(job, tasks[job.id], {}) for job in found]

    async def delete(self, owner: str, job_id: str) -> None:
        """Cancel a job of an owner if it still runs, hide it, and remove all its objects.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        require_id(job_id)
        async with self._parts.database.write() as connection:
            locked = await lock(connection, [job_id])
            await found_job(connection, owner, job_id)
            stopped = await transitions.cancel_jobs(connection, locked, [job_id])
            await removal.mark_deleted(connection, job_id)
            handed_out = await work.handed_out_tasks(connection, [job_id])
        await stop_tasks(self._parts, job_id, handed_out, cancelled=bool(stopped))
        await self._parts.store.delete_below(job_folder(job_id))
        log.info("job_deleted", job_id=job_id)


def _new_job(owner: str, job_id: str, asked: Asked, upload: _Upload | None) -> Job:
    if upload is None:
        raise MissingFileError(
            "There is no file. Send one in the field 'file': curl -F file=@talk.mp3 … Or name its "
            "address in the field 'source_url'.",
            param="file",
        )
    return Job(
        id=job_id,
        status=JobStatus.PENDING,
        pipeline=asked.pipeline,
        owner=owner,
        parameters=asked.parameters,
        filename=upload.filename or None,
        audio_path=upload.path,
        audio_bytes=upload.size,
        created_at=datetime.now(UTC),
        **asked.kept,
    )
