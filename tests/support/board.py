"""A database with one job, and the transitions that may happen to it."""

from __future__ import annotations

from datetime import UTC, datetime

from dalston.common.messages import Attempt
from dalston.common.models import (
    Cause,
    Failure,
    Job,
    JobStatus,
    PlannedTask,
    new_job_id,
    new_task_id,
)
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.locking import lock
from dalston.db.reopening import Rerun, rerun_job, retry_job
from dalston.db.session import Database
from dalston.db.verdict import Verdict
from dalston.gateway.services.kept import part_tasks

FAILURE = Failure("engine_error", "it broke", retryable=True)


class Board:
    """A database with one job of two tasks, the second of which waits for the first."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.job_id = new_job_id()
        self.first, self.second = new_task_id(), new_task_id()

    async def set_up(self) -> None:
        plan = [
            PlannedTask(self.first, "transcribe", 0, "one", {"beam": 5}),
            PlannedTask(self.second, "merge", 0, "two", {}, after=(self.first,), final=True),
        ]
        async with self.database.write() as connection:
            await transitions.create_jobs(connection, [new_job(self.job_id)])
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            started = await transitions.start_jobs(connection, locked, {self.job_id: plan})
        assert started == [self.job_id]

    def attempt(self, token: str = "a" * 12, hand_out: int = 1, task_id: str = "") -> Attempt:
        return Attempt(
            job_id=self.job_id,
            task_id=task_id or self.first,
            hand_out=hand_out,
            token=token,
            instance=f"engine-{token[0]}",
        )

    async def start(self, *attempts: Attempt) -> list[Verdict]:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], [a.task_id for a in attempts])
            return await transitions.start_attempts(connection, locked, attempts)

    async def complete(self, *attempts: Attempt) -> list[Verdict]:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], [a.task_id for a in attempts])
            return await transitions.complete_tasks(connection, locked, attempts)

    async def give_back(self, attempt: Attempt, cause: Cause) -> Verdict:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], [attempt.task_id])
            pairs = [(attempt, FAILURE)]
            return (await transitions.return_tasks(connection, locked, pairs, cause))[0]

    async def fail(self, attempt: Attempt) -> Verdict:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], [attempt.task_id])
            verdicts = await transitions.fail_tasks(connection, locked, [(attempt, FAILURE)])
            if verdicts[0] is Verdict.APPLIED:
                await transitions.fail_jobs(connection, locked, {self.job_id: FAILURE})
            return verdicts[0]

    async def move_on(self, *task_ids: str) -> tuple[set[str], list[str]]:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], task_ids)
            engines = await transitions.ready_dependents(connection, locked, task_ids)
            done = await transitions.complete_jobs(connection, locked, [self.job_id])
            return engines, done

    async def cancel(self) -> list[str]:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            return await transitions.cancel_jobs(connection, locked, [self.job_id])

    async def finish(self) -> None:
        """Take the job to its end."""
        await self.complete(self.attempt())
        await self.move_on(self.first)
        await self.complete(self.attempt(task_id=self.second))
        await self.move_on(self.second)

    async def retry(self) -> bool:
        """Have the job go on, as the gateway does."""
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            own_tasks = (await reading.tasks_of(connection, [self.job_id]))[self.job_id]
            pairs = await reading.edges_of(connection, self.job_id)
            drop = part_tasks(own_tasks, pairs).drop
            return await retry_job(connection, locked, self.job_id, drop)

    async def rerun(self, stage: str = "merge", **options: object) -> bool:
        """Have the job done again from a stage on, as the gateway does."""
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            if await reading.find_job(connection, self.job_id) is None:
                return False
            own_tasks = (await reading.tasks_of(connection, [self.job_id]))[self.job_id]
            pairs = await reading.edges_of(connection, self.job_id)
            drop = part_tasks(own_tasks, pairs, {stage}).drop
            parameters = {**(await self.job()).parameters, **options}
            rerun = Rerun(stage, options, parameters)
            return await rerun_job(connection, locked, self.job_id, own_tasks, drop, rerun)

    async def plan_again(self) -> str:
        """Plan the last task once more, as the orchestrator does, and return its id."""
        new = new_task_id()
        plan = [PlannedTask(new, "merge", 0, "two", {}, after=(self.first,), final=True)]
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id])
            await transitions.start_jobs(connection, locked, {self.job_id: plan})
            await transitions.ready_tasks_of(connection, locked, [self.job_id])
        return new

    async def task_ids(self) -> list[str]:
        """Return the ids of the job's tasks."""
        async with self.database.read() as connection:
            return [t.id for t in (await reading.tasks_of(connection, [self.job_id]))[self.job_id]]

    async def job(self) -> Job:
        async with self.database.read() as connection:
            job = await reading.find_job(connection, self.job_id)
        assert job is not None
        return job

    async def statuses(self) -> list[str]:
        async with self.database.read() as connection:
            tasks = (await reading.tasks_of(connection, [self.job_id]))[self.job_id]
        assert [task.id for task in tasks] == [self.first, self.second]
        return [task.status.value for task in tasks]

    async def story(self) -> list[tuple[str | None, str | None, str]]:
        async with self.database.read() as connection:
            rows = await reading.history_of(connection, self.job_id)
        return [(row.task_id, row.from_status, row.to_status) for row in rows]


def new_job(job_id: str, owner: str = "local") -> Job:
    return Job(
        id=job_id,
        status=JobStatus.PENDING,
        pipeline="stub",
        owner=owner,
        parameters={"language": "en"},
        filename="talk.wav",
        audio_path=f"jobs/{job_id}/audio/original.wav",
        audio_bytes=32044,
        created_at=datetime.now(UTC),
    )
