"""What housekeeping deletes goes whole, and a job that is done again meanwhile is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dalston.common.models import JobStatus, Retention
from dalston.common.storage import attempt_folder
from dalston.db.session import Database
from dalston.db.statements import Connection
from dalston.orchestrator.housekeeping import Housekeeping
from dalston.orchestrator.parts import Parts, Policy
from tests.conformance.test_housekeeping import cancelled_jobs, is_there
from tests.support.board import Board
from tests.support.deployment import Deployment

LONG_AGO = "'2020-01-{:02} 00:00:00.000000'"


class BusyDatabase(Database):
    """A database in which something else happens before the first transaction that writes."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        async with super().write() as connection:
            yield connection


@pytest.mark.parametrize("wanted", [Retention.DELETE_ALL, Retention.DELETE_AUDIO])
async def test_a_job_that_was_rerun_and_ended_during_a_round_begins_to_count_anew(
    parts: Parts, deployment: Deployment, board: Board, wanted: Retention
) -> None:
    await board.finish()
    [other] = await cancelled_jobs(parts, 1)
    async with parts.database.write() as connection:
        for day, job_id in enumerate((other, board.job_id), 1):
            when = LONG_AGO.format(day)
            await connection.script(f"UPDATE jobs SET completed_at = {when} WHERE id = '{job_id}'")  # noqa: S608 - our own

    async def rerun() -> None:
        assert await board.rerun("merge")
        new = await board.plan_again()
        await board.complete(board.attempt("b" * 12, task_id=new))
        await board.move_on(new)

    database = BusyDatabase(deployment.database_url)
    database.meanwhile = rerun
    policy = Policy(retention=wanted, retention_days=30.0)
    done = await Housekeeping(replace(parts, database=database, policy=policy)).run()
    await database.close()

    assert (done.jobs, done.audio) == ((1, 0) if wanted is Retention.DELETE_ALL else (0, 1))
    job = await board.job()
    assert (job.status, job.version) == (JobStatus.COMPLETED, 2)
    assert job.audio_deleted_at is None


def half_written(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of what was said")
    return path


@pytest.mark.parametrize("wanted", [Retention.DELETE_ALL, Retention.DELETE_AUDIO])
async def test_audio_that_a_killed_engine_had_half_written_is_deleted_with_the_rest(
    parts: Parts, deployment: Deployment, wanted: Retention
) -> None:
    """A bucket keeps such parts to itself."""
    if deployment.store_settings.bucket is not None or deployment.store_settings.folder is None:
        return
    [job_id] = await cancelled_jobs(parts, 1)
    folder = attempt_folder(job_id, "task_0123456789abcdef", "1-0123456789ab")
    left = half_written(Path(deployment.store_settings.folder, folder, "audio.wav#1"))

    policy = Policy(retention=wanted, retention_days=0.0)
    done = await Housekeeping(replace(parts, policy=policy)).run()

    assert (done.jobs, done.audio) == ((1, 0) if wanted is Retention.DELETE_ALL else (0, 1))
    assert not is_there(left.parent)
