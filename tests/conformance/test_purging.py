"""Rows of deleted jobs are removed a few at a time: whoever else writes waits no longer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dalston.common.models import PlannedTask, new_job_id, new_task_id
from dalston.db import jobs as transitions
from dalston.db import reading, removal
from dalston.db.locking import lock
from dalston.db.statements import Connection
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts
from tests.support.board import new_job

WIDE, NARROW = 5, 1
"""Tasks of a job of a long recording, and of a short one."""


async def deleted_long_ago(parts: Parts, widths: Sequence[int]) -> list[str]:
    """Return jobs of so many tasks each, in the order in which they were deleted."""
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
            await removal.mark_deleted(connection, job_id)
            when = f"'2020-01-01 00:00:{second:02}.000000'"
            await connection.script(f"UPDATE jobs SET deleted_at = {when} WHERE id = '{job_id}'")  # noqa: S608 - our own
    return job_ids


async def test_a_transaction_removes_no_more_tasks_than_others_can_wait_for(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_MOST_TASKS", WIDE - 1)
    job_ids = await deleted_long_ago(parts, [NARROW, NARROW, WIDE, WIDE, NARROW])
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
