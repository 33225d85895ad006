"""Retry and rerun, as the gateway does them."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from dalston.common.access import LOCAL_OWNER, Caller, Scope
from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import JobNotFinishedError
from dalston.common.models import Job, JobStatus, PlannedTask
from dalston.common.queue import LeaseState
from dalston.common.storage import original_path, output_path
from dalston.db.jobs import start_jobs
from dalston.db.locking import lock
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
    parts, board = await _with_a_running_job(parts)
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


@pytest.mark.parametrize("way", ["retry", "rerun"])
async def test_a_job_that_ends_while_its_objects_are_listed_is_not_said_to_have_lost_them(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Its newest outputs are in the store, but not in the list that was made before them."""
    parts, board = await _with_a_running_job(parts)

    _do_behind_listing(parts, monkeypatch, partial(_finish_first_task_and_cancel, parts, board))

    with pytest.raises(JobNotFinishedError):
        await _again(parts, board, way)
    monkeypatch.undo()
    await _finish_first_task_and_cancel(parts, board)
    assert (await _again(parts, board, way)).status is JobStatus.PENDING


@pytest.mark.parametrize("way", ["retry", "rerun"])
async def test_of_two_that_have_a_job_go_on_the_slower_one_hears_that_it_goes_on(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Also if it has ended once more by then, with outputs that were not there before."""
    parts, board = await _with_a_running_job(parts)
    await board.cancel()

    async def do_it_for_another() -> None:
        await board.retry()
        plan = [
            PlannedTask(board.first, "transcribe", 0, "one", {}),
            PlannedTask(board.second, "merge", 0, "two", {}, after=(board.first,), final=True),
        ]
        async with parts.database.write() as connection:
            locked = await lock(connection, [board.job_id])
            await start_jobs(connection, locked, {board.job_id: plan})
        await _finish_first_task_and_cancel(parts, board)

    _do_behind_listing(parts, monkeypatch, do_it_for_another)

    with pytest.raises(JobNotFinishedError, match="meanwhile"):
        await _again(parts, board, way)
    assert (await _again(parts, board, way)).status is JobStatus.PENDING


async def _finish_first_task_and_cancel(parts: Parts, board: Board) -> None:
    attempt = board.attempt()
    await parts.store.put(output_path(board.job_id, board.first, attempt.folder), b"{}")
    await board.complete(attempt)
    await board.cancel()


async def _with_a_running_job(parts: Parts) -> tuple[Parts, Board]:
    """Return parts that know the job's pipeline, and the job, whose recording is there."""
    board = Board(parts.database)
    await board.set_up()
    await parts.store.put(original_path(board.job_id, "wav"), b"x")
    return dataclasses.replace(parts, catalog=CATALOG), board


async def _again(parts: Parts, board: Board, way: str) -> Job:
    again = Again(parts)
    if way == "retry":
        return await again.retry(ANYBODY, board.job_id)
    return await again.rerun(ANYBODY, board.job_id, "merge", {})


def _do_behind_listing(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Awaitable[None]]
) -> None:
    """Have something happen once, between a list of objects and the transaction behind it."""
    list_objects = parts.store.list

    async def list_and_do(path: str) -> list[str]:
        found = await list_objects(path)
        monkeypatch.undo()
        await do()
        return found

    monkeypatch.setattr(parts.store, "list", list_and_do)
