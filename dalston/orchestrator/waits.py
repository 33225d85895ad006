"""Ends what would wait or run for ever: jobs past their deadline, stages that no engine does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from dalston.common.models import Failure
from dalston.common.queue import LEASE_SECONDS, EngineInstance
from dalston.common.stages import FETCHER, unknown_fetcher
from dalston.db import overdue, sightings, work
from dalston.db.abandoned import due_jobs
from dalston.db.overdue import UnplannedJob
from dalston.orchestrator.batches import Batch, Overdue
from dalston.orchestrator.dag import unknown_pipeline
from dalston.orchestrator.parts import Parts

log = structlog.get_logger(__name__)

_BATCH = 200
_KIND = "no engine: "
"""In front of an engine's id, in what was seen."""
_UNKNOWN = "unknown pipeline: "
"""Likewise, of a job's id."""
_LOOK_SECONDS = 60.0
"""What nobody has looked for in this time may have been there in between."""
_ABLE = frozenset({"ready", "idle", "loading"})
"""One that is idle is loaded by its first task, or waits for memory to do so."""


class Waits:
    """The sweep's steps that look at how long something has taken.

    Args:
        process: Handles a batch in a transaction, as for events.
    """

    def __init__(self, parts: Parts, process: Callable[[Batch], Awaitable[None]]) -> None:
        self._database = parts.database
        self._queue = parts.queue
        self._catalog = parts.catalog
        self._limit = parts.policy.no_engine_seconds
        self._process = process

    async def end_late_jobs(self) -> None:
        """Fail the jobs that are past their own deadline."""
        async with self._database.read() as connection:
            late = await overdue.late_jobs(connection, _BATCH)
        if late:
            await self._process(Batch(overdue=[Overdue(job, _late(job.seconds)) for job in late]))

    async def cancel_abandoned(self) -> None:
        """Cancel the jobs whose clients have gone away, and wanted that."""
        async with self._database.read() as connection:
            due = await due_jobs(connection, _BATCH)
        if due:
            await self._process(Batch(abandoned=due))

    async def give_up_waiting(self) -> None:
        """Fail the tasks whose engine has not been there, able to work, for too long.

        Only while Redis is steady: an engine that lives says so again within that time. And only
        what somebody has seen to be missing all along counts.
        """
        async with self._database.read() as connection:
            wanted = sorted(await work.engines_with_ready_tasks(connection))
            noted = await sightings.any_of_kind(connection, _KIND)
        if not wanted and not noted:
            return
        found = await self._queue.instances(wanted) if wanted else {}
        if await self._queue.steady_seconds() < LEASE_SECONDS:
            return
        unable = {
            engine_id: instances
            for engine_id, instances in found.items()
            if not any(instance.state in _ABLE for instance in instances)
        }
        if not unable and not noted:
            return
        async with self._database.write() as connection:
            lasting = await sightings.note(
                connection, _KIND, unable, within=_LOOK_SECONDS, seconds=self._limit
            )
        for engine_id in sorted(lasting):
            await self._give_up(engine_id, unable[engine_id])

    async def give_up_planning(self) -> None:
        """Fail the jobs that no orchestrator has been able to plan for too long.

        Not at once: while a server is brought to a newer version, that of its neighbour may know a
        pipeline, or the engine that fetches recordings, which this one doesn't.
        """
        known, fetches = self._catalog.pipelines, FETCHER in self._catalog.engines
        async with self._database.read() as connection:
            unplanned = await overdue.unplanned_jobs(connection, known, _BATCH, fetches=fetches)
            noted = await sightings.any_of_kind(connection, _UNKNOWN)
        waiting = await self._waiting_for_a_plan(unplanned)
        if not waiting and not noted:
            return
        async with self._database.write() as connection:
            # Whoever knows all of them sees none, and the time begins anew.
            lasting = await sightings.note(
                connection, _UNKNOWN, waiting, within=_LOOK_SECONDS, seconds=self._limit
            )
        if waiting:
            wanted = {job.pipeline for job in waiting.values()}
            log.warning(
                "unknown_pipelines_wanted",
                pipelines=sorted(wanted - set(known)),
                engines=[FETCHER] if wanted & set(known) else [],
                jobs=len(waiting),
            )
        late = [waiting[job_id] for job_id in sorted(lasting)]
        if late:
            await self._process(Batch(overdue=[Overdue(one, _unknown(one, known)) for one in late]))

    async def _waiting_for_a_plan(self, found: Sequence[UnplannedJob]) -> dict[str, UnplannedJob]:
        """Return those, by id, that nobody works on: they are pending, or cut and not planned."""
        leases = await self._queue.leases([one.task_id for one in found if one.task_id is not None])

        def is_at_work(task_id: str) -> bool:
            return task_id in leases and leases[task_id].outcome is None

        return {
            one.job_id: one for one in found if one.task_id is None or not is_at_work(one.task_id)
        }

    async def _give_up(self, engine_id: str, instances: list[EngineInstance]) -> None:
        async with self._database.read() as connection:
            waiting = await overdue.waiting_tasks(connection, engine_id, self._limit, _BATCH)
        if not waiting:
            return
        log.warning("no_engine_available", engine_id=engine_id, tasks=len(waiting))
        why = f" It can't start: {instances[0].message}" if instances else ""
        failure = Failure(
            "no_engine_available",
            f"No engine {engine_id} was there to work for {self._limit:.0f} s.{why} Start one, "
            f"then retry the job.",
        )
        await self._process(Batch(overdue=[Overdue(task, failure) for task in waiting]))


def _unknown(job: UnplannedJob, known: Collection[str]) -> Failure:
    # One of a known pipeline lacks what fetches its recording.
    error = unknown_fetcher() if job.pipeline in known else unknown_pipeline(job.pipeline, known)
    return Failure(error.code, error.message)


def _late(seconds: float) -> Failure:
    return Failure(
        "deadline_exceeded",
        f"The job did not end within its deadline of {seconds:g} s. Retry it to go on from where "
        f"it was, or submit it with a longer deadline.",
    )
