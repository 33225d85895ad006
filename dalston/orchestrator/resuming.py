"""Plans what is left to do of jobs that had ended; what they keep is done already."""

from __future__ import annotations

from dalston.common.engine_spec import Catalog
from dalston.common.errors import DalstonError, UnknownPipelineError
from dalston.common.messages import JobResumed
from dalston.common.models import Failure, JobStatus, PlannedTask
from dalston.db import work
from dalston.db.locking import Locked
from dalston.db.statements import Connection
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.dag import build_task_dag
from dalston.orchestrator.expansion import Cut, misfit


async def plan_resumed(
    connection: Connection, locked: Locked, catalog: Catalog, batch: Batch
) -> tuple[dict[str, list[PlannedTask]], dict[str, Failure]]:
    """Plan the jobs of a batch that have been put back.

    Args:
        connection: An open write transaction.
        locked: The jobs' rows.
        catalog: The engines and pipelines.
        batch: Names the jobs, and has the chunks of those that were cut.

    Returns:
        The new tasks of each job that goes on, and why others can't, by id.
    """
    plans: dict[str, list[PlannedTask]] = {}
    failures: dict[str, Failure] = {}
    job_ids = {event.job_id for event in batch.of(JobResumed)}
    waiting = [
        job
        for job_id in sorted(job_ids)
        if (job := locked.jobs.get(job_id)) is not None
        and job.status is JobStatus.PENDING
        and job.resumed
    ]
    kept = await work.expansions(connection, [job.id for job in waiting]) if waiting else []
    cutters = {row.job_id: row.id for row in kept}
    for job in waiting:
        parts = batch.parts.get(cutters.get(job.id, ""))
        if job.id in cutters and parts is None:
            if job.id in batch.gone:
                failures[job.id] = batch.gone[job.id]
            # Otherwise resumed once more since that was looked up: the sweep looks again.
            continue
        cut = Cut(dict(enumerate(parts or ())), whole=parts is not None)
        planned = await work.planned_tasks(connection, job.id)
        if failure := misfit(job, catalog, cut, planned):
            failures[job.id] = failure
            continue
        try:
            plans[job.id] = build_task_dag(
                job, catalog, parts=cut.parts, whole=cut.whole, planned=planned.ids
            )
        except UnknownPipelineError:
            continue
        except DalstonError as error:
            failures[job.id] = Failure(error.code, error.message)
    return plans, failures
