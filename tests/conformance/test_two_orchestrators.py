"""Two orchestrators end the last two tasks of a stage at the same moment: each sees the other."""

from __future__ import annotations

import asyncio

from dalston.common.messages import Attempt
from dalston.common.models import PlannedTask, new_job_id, new_task_id
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.migrate import migrate
from dalston.db.session import Database
from tests.support.board import new_job
from tests.support.deployment import Deployment

LOOK_SECONDS = 0.5
"""In which the other one would be done if nothing held it up."""


async def test_what_waits_for_both_is_ready_afterwards(deployment: Deployment) -> None:
    job_id, left, right, merge = new_job_id(), new_task_id(), new_task_id(), new_task_id()
    plan = [
        PlannedTask(left, "left", 0, "one", {}),
        PlannedTask(right, "right", 0, "one", {}),
        PlannedTask(merge, "merge", 0, "two", {}, after=(left, right), final=True),
    ]
    database, other = Database(deployment.database_url), Database(deployment.database_url)
    await migrate(database)
    async with database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id)])
        locked = await lock(connection, [job_id])
        await transitions.start_jobs(connection, locked, {job_id: plan})

    async def end(of: Database, task_id: str, meanwhile: asyncio.Task[set[str]] | None) -> set[str]:
        attempt = Attempt(
            job_id=job_id, task_id=task_id, hand_out=1, token="a" * 12, instance="engine"
        )
        async with of.write() as connection:
            locked = await lock(connection, [job_id], [task_id])
            await transitions.complete_tasks(connection, locked, [attempt])
            engines = await transitions.ready_dependents(connection, locked, [task_id])
            await connection.flush()
            begun.set()
            if meanwhile is not None:
                await asyncio.wait([meanwhile], timeout=LOOK_SECONDS)
        return engines

    begun = asyncio.Event()

    async def follow() -> set[str]:
        await begun.wait()
        return await end(other, right, None)

    following = asyncio.create_task(follow())
    first = await end(database, left, following)

    assert [first, await following] == [set(), {"two"}]
    await database.close()
    await other.close()
