"""While many jobs are deleted, others can write: in few transactions, and none of them long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from dalston.common.models import PlannedTask, Retention, new_job_id, new_task_id
from dalston.db import jobs as transitions
from dalston.db import reading, removal
from dalston.db.locking import Locked, lock
from dalston.db.statements import Connection
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts
from tests.conformance.test_housekeeping import cancelled_jobs, left, with_policy
from tests.support.board import new_job

WIDE, NARROW = 5, 1
"""Tasks of a job of a long recording, and of a short one."""
WIDTHS = [NARROW, NARROW, WIDE, WIDE, NARROW]


async def over_long_ago(parts: Parts, widths: Sequence[int], *, what: str) -> list[str]:
    """Return jobs of so many tasks each that have ended, with the moments of `what` in order."""
    job_ids = [new_job_id() for _ in widths]
    plans = {
        job_id: [
            PlannedTask(new_task_id(), "transcribe", index, "one", {}, final=not index)
            for index in range(width)
        ]
        for job_id, width in zip(job_ids, widths, strict=True)
    }
    async with parts.database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id) for job_id in job_ids])
    async with parts.database.write() as connection:
        locked = await lock(connection, job_ids)
        await transitions.start_jobs(connection, locked, plans)
        await transitions.cancel_jobs(connection, locked, job_ids)
        for second, job_id in enumerate(job_ids):
            when = f"'2020-01-01 00:00:{second:02}.000000'"
            await connection.script(f"UPDATE jobs SET {what} = {when} WHERE id = '{job_id}'")  # noqa: S608 - our own
    return job_ids


async def test_a_transaction_removes_no_more_tasks_than_others_can_wait_for(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_MOST_TASKS", WIDE - 1)
    job_ids = await over_long_ago(parts, WIDTHS, what="deleted_at")
    together: list[list[str]] = []
    purge_jobs = removal.purge_jobs

    async def seen(connection: Connection, some: Sequence[str]) -> None:
        together.append(list(some))
        await purge_jobs(connection, some)

    monkeypatch.setattr(removal, "purge_jobs", seen)

    sweep = Orchestrator(parts)._sweep
    while await sweep._purge():
        continue

    assert together == [job_ids[:2], job_ids[2:3], job_ids[3:4], job_ids[4:]]
    async with parts.database.read() as connection:
        assert await reading.taken_job_ids(connection, job_ids) == set()


@pytest.mark.parametrize("retention", [Retention.DELETE_ALL, Retention.DELETE_AUDIO])
async def test_jobs_whose_time_is_over_are_marked_in_one_transaction(
    parts: Parts, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one for each, others could hardly write while thousands are deleted."""
    job_ids = await cancelled_jobs(parts, 3)
    locked = locked_by_housekeeping(monkeypatch)

    done = await with_policy(parts, retention=retention, orphan_hours=1.0).run()

    assert locked == [job_ids]
    assert done.jobs + done.audio == len(job_ids)
    assert await left(parts) == []


@pytest.mark.parametrize("retention", [Retention.DELETE_ALL, Retention.DELETE_AUDIO])
async def test_no_more_jobs_are_marked_than_are_deleted_before_the_sweep_would(
    parts: Parts, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that had thousands of objects to delete would do nothing else for minutes."""
    monkeypatch.setattr(removal, "_MOST_TASKS", WIDE - 1)
    job_ids = await over_long_ago(parts, WIDTHS, what="completed_at")
    locked = locked_by_housekeeping(monkeypatch)

    await with_policy(parts, retention=retention, retention_days=1.0, orphan_hours=1.0).run()

    assert locked == [sorted(job_ids[:2]), job_ids[2:3], job_ids[3:4], job_ids[4:]]


def locked_by_housekeeping(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return a list that will have the jobs of each transaction of housekeeping."""
    locked: list[list[str]] = []

    async def seen(connection: Connection, some: Iterable[str]) -> Locked:
        locked.append(sorted(some))
        return await lock(connection, locked[-1])

    monkeypatch.setattr("dalston.orchestrator.housekeeping.lock", seen)
    return locked
