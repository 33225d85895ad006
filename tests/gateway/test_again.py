"""Retry and rerun, as the gateway does them."""

from __future__ import annotations

import dataclasses

import pytest

from dalston.common.access import LOCAL_OWNER, Caller, Scope
from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.models import JobStatus
from dalston.common.queue import LeaseState
from dalston.common.storage import original_path
from dalston.gateway.parts import Parts
from dalston.gateway.services.again import Again
from tests.support.board import Board
from tests.support.hand_off import claim

ANYBODY = Caller(LOCAL_OWNER, frozenset({Scope.SUBMIT}))
CATALOG = Catalog(
    {"one": EngineSpec("one", "1", "transcribe"), "two": EngineSpec("two", "1", "merge")},
    {"stub": Pipeline("stub", [Stage("transcribe", "one"), Stage("merge", "two", ["transcribe"])])},
)


@pytest.mark.parametrize("way", ["retry", "rerun"])
async def test_an_engine_that_nobody_told_of_a_cancellation_is_told(parts: Parts, way: str) -> None:
    """The row that says who is still to be told goes with the task."""
    parts = dataclasses.replace(parts, catalog=CATALOG)
    board = Board(parts.database)
    await board.set_up()
    await parts.store.put(original_path(board.job_id, "wav"), b"x")
    attempt = board.attempt()
    await claim(parts.queue, attempt)
    await board.start(attempt)
    await board.cancel()  # As if Redis had been away: nothing is said to the engine.

    if way == "retry":
        job = await Again(parts).retry(ANYBODY, board.job_id)
    else:
        job = await Again(parts).rerun(ANYBODY, board.job_id, "transcribe", {})

    assert job.status is JobStatus.PENDING
    leases = await parts.queue.leases([board.first])
    assert leases[board.first].state is LeaseState.CLOSED
