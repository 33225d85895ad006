"""An engine that is missing for too long is given up, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

from dalston.db import reading
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts, Policy
from dalston.orchestrator.waits import Waits
from tests.support.board import Board
from tests.support.deployment import Deployment, age


async def looked_twice(parts: Parts, board: Board) -> str | None:
    """Look as two slow sweeps do, without patience; return why the job has failed, if it has."""
    impatient = replace(parts, policy=Policy(no_engine_seconds=0.0))
    waits = Waits(impatient, Orchestrator(parts).process)
    for _ in range(2):
        await waits.give_up_waiting()
    async with parts.database.read() as connection:
        job = await reading.find_job(connection, board.job_id)
    assert job is not None
    return None if job.error is None else job.error.code


async def test_no_engine_is_missed_until_redis_has_been_steady(
    parts: Parts, board: Board, deployment: Deployment
) -> None:
    """After a wipe all engines are missing, until they say again that they live."""
    assert await looked_twice(parts, board) is None
    age(deployment.redis())
    assert await looked_twice(parts, board) == "no_engine_available"
