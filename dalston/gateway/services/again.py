"""Jobs that are stopped, or that go on after they had ended: cancel, retry, rerun."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import structlog

from dalston.common.access import Caller
from dalston.common.engine_spec import Pipeline
from dalston.common.errors import (
    JobCompletedError,
    JobFinishedError,
    JobNotFinishedError,
    UnknownStageError,
    UnsupportedOptionError,
)
from dalston.common.messages import JobResumed
from dalston.common.models import TERMINAL_JOB, Job, JobStatus, Task
from dalston.common.redis import in_words
from dalston.common.storage import job_folder
from dalston.db import jobs as transitions
from dalston.db import reading, work
from dalston.db.admission import hold
from dalston.db.locking import Locked, lock
from dalston.db.reopening import Rerun, rerun_job, retry_job
from dalston.db.statements import Connection
from dalston.gateway.openai.wishes import MODEL
from dalston.gateway.parts import Parts
from dalston.gateway.services import kept
from dalston.gateway.services.lookup import found_job, require_id
from dalston.gateway.services.options import DIARIZE, FIELDS, Options, short
from dalston.gateway.services.stopping import stop_replaced, stop_tasks

log = structlog.get_logger(__name__)


class _Looked(NamedTuple):
    """A job that had ended, and its objects at that time.

    Attributes:
        paths: Of all objects that it had.
    """

    job: Job
    paths: set[str]


class Again:
    """What the handlers call."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._options = Options(parts.catalog, parts.default_pipeline, parts.engine_settings)
        self._sent: set[asyncio.Future[None]] = set()

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """Stop a job of a caller; one that was cancelled before stays so.

        Raises:
            JobNotFoundError: The caller has none of that id.
            JobFinishedError: It is completed or failed already.
        """
        require_id(job_id)
        async with self._parts.database.write() as connection:
            locked = await lock(connection, [job_id])
            job = await found_job(connection, caller.owner, job_id)
            if job.status in {JobStatus.COMPLETED, JobStatus.FAILED}:
                raise JobFinishedError(
                    f"The job is {job.status.value} already. DELETE removes it with all there is."
                )
            stopped = await transitions.cancel_jobs(connection, locked, [job_id])
            handed_out = await work.handed_out_tasks(connection, [job_id])
        await stop_tasks(self._parts, job_id, handed_out, cancelled=bool(stopped))
        if stopped:
            log.info("job_cancelled", job_id=job_id)
        return await self._read(caller.owner, job_id)

    async def retry(self, caller: Caller, job_id: str) -> Job:
        """Have a job of a caller that failed or was cancelled go on from what is done of it.

        Raises:
            JobNotFoundError: The caller has none of that id.
            ConflictError: It can't go on; says why.
            LimitReachedError: The caller has as much as may be.
        """
        looked = await self._look(caller.owner, job_id)
        async with self._parts.database.write() as connection:
            held = await hold(connection, caller)
            locked, job, own_tasks, pairs = await self._ended(connection, looked)
            if job.status is JobStatus.COMPLETED:
                raise JobCompletedError(
                    "The job is completed, so there is nothing to retry. POST …/rerun makes "
                    "another result of it."
                )
            pipeline = kept.pipeline_of(job, self._parts.catalog)
            unfit = kept.unfit_stages(job, self._parts.catalog, own_tasks)
            # It may be done where another one came behind it then, and makes the transcript now.
            again = unfit | {pipeline.final.stage}
            parted = kept.part_tasks(own_tasks, pairs, again)
            kept.require_objects(job, self._parts.catalog, own_tasks, parted, looked.paths)
            await held.charge(connection, job, own_tasks)
            await retry_job(connection, locked, job_id, parted.drop)
        await stop_replaced(self._parts, job_id, kept.dropped(own_tasks, parted))
        return await self._resumed(caller.owner, job_id, "job_retried")

    async def rerun(
        self, caller: Caller, job_id: str, from_stage: str, options: Mapping[str, Any]
    ) -> Job:
        """Have a stage, and all after it, done again as a new version of a job that has ended.

        Raises:
            JobNotFoundError: The caller has none of that id.
            RequestError: The stage isn't known, or an option isn't.
            ConflictError: It can't be done; says why.
            LimitReachedError: The caller has as much as may be.
        """
        looked = await self._look(caller.owner, job_id)
        async with self._parts.database.write() as connection:
            held = await hold(connection, caller)
            locked, job, own_tasks, pairs = await self._ended(connection, looked)
            pipeline = kept.pipeline_of(job, self._parts.catalog)
            parameters = self._parameters(job, pipeline, from_stage, options)
            unwanted = kept.unwanted_stages(pipeline, parameters)
            if from_stage in unwanted and from_stage not in {task.stage for task in own_tasks}:
                raise UnknownStageError(
                    f"The job has no stage '{from_stage}', and with these options it gets none. "
                    f"Rerun from another stage, or give the options that ask for this one.",
                    param="from_stage",
                )
            # What the pipeline had when the job was planned, and has no more, counts no more.
            gone = {task.stage for task in own_tasks} - {one.stage for one in pipeline.stages}
            changed = msgspec.structs.replace(job, parameters=parameters)
            unfit = kept.unfit_stages(changed, self._parts.catalog, own_tasks)
            again = kept.stages_from(pipeline, from_stage) | unwanted | gone | unfit
            parted = kept.part_tasks(own_tasks, pairs, again)
            kept.require_objects(changed, self._parts.catalog, own_tasks, parted, looked.paths)
            await held.charge(connection, job, own_tasks, from_stage)
            rerun = Rerun(from_stage, dict(options), parameters)
            await rerun_job(connection, locked, job_id, own_tasks, parted.drop, rerun)
        await stop_replaced(self._parts, job_id, kept.dropped(own_tasks, parted))
        return await self._resumed(caller.owner, job_id, "job_rerun")

    async def _look(self, owner: str, job_id: str) -> _Looked:
        """Return a job that has ended and its objects, asked for before any transaction."""
        async with self._parts.database.read() as connection:
            job = await found_job(connection, owner, job_id)
        # One that runs may end behind the list, with outputs that are not in it.
        _require_end(job)
        return _Looked(job, set(await self._parts.store.list(job_folder(job_id))))

    async def _ended(
        self, connection: Connection, looked: _Looked
    ) -> tuple[Locked, Job, list[Task], list[tuple[str, str]]]:
        """Lock a job that has ended, and return it with its tasks and what each needs."""
        job_id = looked.job.id
        locked = await lock(connection, [job_id])
        job = await found_job(connection, looked.job.owner, job_id)
        _require_end(job)
        if job.resumed != looked.job.resumed:
            # It has even ended once more, and the list of its objects is older than that.
            raise JobNotFinishedError(
                "Another request has had the job go on meanwhile. Ask for the job, and send this "
                "again if you still want it."
            )
        own_tasks = (await reading.tasks_of(connection, [job_id]))[job_id]
        return locked, job, own_tasks, await reading.edges_of(connection, job_id)

    def _parameters(
        self, job: Job, pipeline: Pipeline, from_stage: str, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters that a job is done again with.

        Raises:
            RequestError: There is no such stage, or one of the options can't be used.
        """
        stages = {stage.stage: stage for stage in pipeline.stages}
        if from_stage not in stages:
            raise UnknownStageError(
                f"The pipeline '{pipeline.name}' has no stage '{short(from_stage)}'. "
                f"Its stages: {', '.join(stages)}.",
                param="from_stage",
            )
        again = [stages[name] for name in kept.stages_from(pipeline, from_stage)]
        specs = [self._parts.catalog.engines[stage.engine] for stage in again]
        known = {name for name in FIELDS for spec in specs if spec.accepts(name)}
        if any(stage.stage == DIARIZE for stage in again):
            known.add(DIARIZE)
        for name in options:
            if name not in known:
                raise UnsupportedOptionError(
                    f"No engine from this stage on has an option '{short(name)}'. There are: "
                    f"{', '.join(sorted(known)) or 'none'}.",
                    param=short(name),
                )
        read = self._options.with_model(job.parameters.get(MODEL))
        asked = from_stage != DIARIZE or DIARIZE in options
        before = dict(job.parameters)
        if not asked and before.get(DIARIZE) is False:
            del before[DIARIZE]
        parameters = read.revise(pipeline, before, options)
        if not asked and not stages[DIARIZE].wanted(parameters):
            # Who wants to have it done again wants to have it done.
            parameters = read.revise(pipeline, parameters, {DIARIZE: True})
        return parameters

    async def _resumed(self, owner: str, job_id: str, event: str) -> Job:
        """Tell the orchestrators of a job that has been put back; their sweep finds it anyway."""
        sent = self._parts.events.post(JobResumed(job_id))
        self._sent.add(sent)
        sent.add_done_callback(self._note)
        log.info(event, job_id=job_id)
        return await self._read(owner, job_id)

    def _note(self, sent: asyncio.Future[None]) -> None:
        self._sent.discard(sent)
        if not sent.cancelled() and (error := sent.exception()) is not None:
            log.warning("redis_unavailable", reason=in_words(error))

    async def _read(self, owner: str, job_id: str) -> Job:
        async with self._parts.database.read() as connection:
            return await found_job(connection, owner, job_id)


def _require_end(job: Job) -> None:
    if job.status not in TERMINAL_JOB:
        raise JobNotFinishedError(
            f"The job is {job.status.value}. Wait until it has ended, or cancel it first."
        )
