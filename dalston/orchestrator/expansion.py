"""Plans the work on the chunks of a recording: on the first while it is still being cut."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dalston.common.engine_spec import Catalog
from dalston.common.errors import DalstonError
from dalston.common.messages import Attempt
from dalston.common.models import Failure, Job, JobStatus, Part, PlannedTask
from dalston.common.stages import changed_stages, is_known
from dalston.db import jobs as transitions
from dalston.db import work
from dalston.db.locking import Locked
from dalston.db.statements import Connection
from dalston.orchestrator.dag import build_task_dag

_CHUNKS_CHANGED = Failure(
    "chunks_changed",
    "The recording had to be cut a second time, and the chunks are not those that were transcribed "
    "already. Submit it again. If that happens again, look whether all machines run the same "
    "version of the engine that cuts.",
)
_PIPELINE_CHANGED = Failure(
    "pipeline_changed",
    "The pipeline has changed since the job was begun: a stage that worked on chunks works on the "
    "whole recording now, or the other way round. Retry the job, which does that stage again.",
)


class Cut(msgspec.Struct):
    """What is known of a recording's chunks.

    Attributes:
        parts: By index.
        whole: Whether these are all.
    """

    parts: dict[int, Part]
    whole: bool


def can_expand(locked: Locked, catalog: Catalog, attempt: Attempt) -> bool:
    """Tell whether an attempt's task expands a job that can be planned here."""
    task, job = locked.tasks.get(attempt.task_id), locked.jobs.get(attempt.job_id)
    return bool(task and task.expands and job and is_known(job, catalog))


async def expand(
    connection: Connection, locked: Locked, catalog: Catalog, cuts: Mapping[str, Cut]
) -> dict[str, Failure]:
    """Plan what is known of some jobs by now and not planned yet.

    Args:
        connection: An open write transaction.
        locked: The jobs' rows.
        catalog: The engines and pipelines.
        cuts: By job.

    Returns:
        Why jobs can't go on, by id.
    """
    plans: dict[str, list[PlannedTask]] = {}
    failures: dict[str, Failure] = {}
    for job_id, cut in cuts.items():
        job = locked.jobs.get(job_id)
        if job is None or locked.job_status.get(job_id) is not JobStatus.RUNNING:
            continue
        first = 0 if cut.whole else min(cut.parts)
        planned = await work.planned_tasks(connection, job_id, first)
        if failure := misfit(job, catalog, cut, planned):
            failures[job_id] = failure
            continue
        try:
            plans[job_id] = build_task_dag(
                job, catalog, parts=cut.parts, whole=cut.whole, planned=planned.ids
            )
        except DalstonError as error:
            failures[job_id] = Failure(error.code, error.message)
    await transitions.expand_jobs(connection, locked, plans)
    return failures


def misfit(job: Job, catalog: Catalog, cut: Cut, planned: work.Planned) -> Failure | None:
    """Return why a job can't go on with the tasks that it has, if it can't.

    Args:
        job: The job.
        catalog: The engines and pipelines.
        cut: What is known of its recording's chunks.
        planned: The tasks that are there already.
    """
    if not _agree(cut, planned.parts):
        return _CHUNKS_CHANGED
    pipeline = catalog.pipelines.get(job.pipeline)
    if pipeline and changed_stages(pipeline, job.parameters, catalog.engines, planned.forms):
        return _PIPELINE_CHANGED
    return None


def _agree(cut: Cut, planned: Mapping[int, Part]) -> bool:
    """Tell whether the chunks are those that work has begun on.

    Another attempt may have cut the recording before. Its finished work stays if it is about the
    same chunks. Chunks of two ways of cutting would leave out words or have them twice.
    """
    if cut.whole and set(planned) - set(cut.parts):
        return False
    return all(
        index not in planned or planned[index].place == part.place
        for index, part in cut.parts.items()
    )
