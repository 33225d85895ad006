"""A frozen supervisor wakes late, a thousand times: nothing that it says counts."""

from __future__ import annotations

from collections.abc import Sequence

from dalston.common.messages import Attempt
from dalston.common.models import Cause, Failure, PlannedTask, new_job_id, new_task_id
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.db.statements import Connection
from dalston.db.verdict import Verdict
from tests.support.board import new_job
from tests.support.deployment import Deployment

JOBS = 350
LOST = Failure("engine_lost", "it was frozen", retryable=True)


async def test_of_a_thousand_stale_completions_none_is_accepted(deployment: Deployment) -> None:
    database = Database(deployment.database_url)
    await migrate(database)
    ids = {new_job_id(): new_task_id() for _ in range(JOBS)}
    async with database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id) for job_id in ids])
        locked = await lock(connection, ids)
        plans = {
            job_id: [PlannedTask(task_id, "transcribe", 0, "one", {}, final=True)]
            for job_id, task_id in ids.items()
        }
        assert len(await transitions.start_jobs(connection, locked, plans)) == JOBS
    frozen = [attempt(job_id, ids[job_id], 1, "a" * 12) for job_id in ids]
    other = [attempt(job_id, ids[job_id], 2, "b" * 12) for job_id in ids]

    async def complete(connection: Connection, attempts: Sequence[Attempt]) -> set[Verdict]:
        locked = await lock(connection, ids, ids.values())
        return set(await transitions.complete_tasks(connection, locked, attempts))

    async with database.write() as connection:
        locked = await lock(connection, ids, ids.values())
        await transitions.start_attempts(connection, locked, frozen)
        lost = [(one, LOST) for one in frozen]
        await transitions.return_tasks(connection, locked, lost, Cause.LOST)
    for said, verdict in (
        (frozen, Verdict.REFUSED),  # while it waits for another engine
        (other, None),
        (frozen, Verdict.REFUSED),  # while that one works
        (other, Verdict.APPLIED),
        (frozen, Verdict.REFUSED),  # behind its end
    ):
        async with database.write() as connection:
            if verdict is None:
                locked = await lock(connection, ids, ids.values())
                await transitions.start_attempts(connection, locked, said)
            else:
                assert await complete(connection, said) == {verdict}
    async with database.read() as connection:
        rows = (await lock(connection, [], ids.values())).tasks
    assert {(row.hand_out, row.token, row.losses) for row in rows.values()} == {(2, "b" * 12, 1)}
    await database.close()


def attempt(job_id: str, task_id: str, hand_out: int, token: str) -> Attempt:
    return Attempt(
        job_id=job_id, task_id=task_id, hand_out=hand_out, token=token, instance=f"on-{token[0]}"
    )
