"""Jobs that go on after they had ended: retry, rerun, versions, and who wins a race."""

from __future__ import annotations

import asyncio

import pytest

from dalston.common.messages import Attempt
from dalston.common.models import Cause, JobStatus, PlannedTask, new_task_id
from dalston.common.storage import output_path
from dalston.db import jobs as transitions
from dalston.db import reading, removal, work
from dalston.db.entries import ready_entries
from dalston.db.locking import lock
from dalston.db.verdict import Verdict
from dalston.db.versions import versions_of
from tests.support.board import FAILURE, Board


async def failed_at_its_end(board: Board) -> Attempt:
    """Have the first task completed and the second one fail; return that attempt."""
    await board.complete(board.attempt())
    await board.move_on(board.first)
    last = board.attempt(task_id=board.second)
    await board.start(last)
    assert await board.fail(last) is Verdict.APPLIED
    return last


async def test_a_retried_job_keeps_what_is_done_and_nothing_of_what_is_not(board: Board) -> None:
    await failed_at_its_end(board)

    assert await board.retry()

    job = await board.job()
    assert (job.status, job.resumed, job.version) == (JobStatus.PENDING, 1, 1)
    assert (job.error, job.completed_at, job.started_at) == (None, None, None)
    assert await board.task_ids() == [board.first]
    async with board.database.read() as connection:
        assert await work.pending_jobs(connection, {"stub"}, 10, fetches=True) == [
            (board.job_id, True)
        ]
        planned = await work.planned_tasks(connection, board.job_id)
    assert list(planned.ids) == [("transcribe", 0)]


async def test_nothing_of_an_old_attempt_counts_after_a_retry(board: Board) -> None:
    old = await failed_at_its_end(board)
    await board.retry()
    new = await board.plan_again()

    assert await board.complete(old) == [Verdict.REFUSED]
    assert await board.start(old) == [Verdict.REFUSED]
    last = board.attempt("b" * 12, task_id=new)
    assert await board.complete(last) == [Verdict.APPLIED]
    assert await board.move_on(new) == (set(), [board.job_id])
    assert (await board.job()).transcript_path == output_path(board.job_id, new, last.folder)


async def test_what_a_failed_job_withdraws_late_is_nothing_of_its_retry(board: Board) -> None:
    """An orchestrator that was held up tells engines of the failure after a client's retry."""
    await failed_at_its_end(board)
    async with board.database.read() as connection:
        stopped = await work.stopped_tasks(connection, [board.job_id])
    assert [task_id for _, task_id in stopped] == [board.second]
    await board.retry()
    new = await board.plan_again()
    await board.start(board.attempt("b" * 12, task_id=new))

    async with board.database.read() as connection:
        assert await work.stopped_tasks(connection, [board.job_id]) == []


async def test_a_retry_has_a_row_in_the_history(board: Board) -> None:
    await failed_at_its_end(board)
    await board.retry()
    new = await board.plan_again()

    assert (await board.story())[-5:] == [
        (None, "running", "failed"),
        (None, "failed", "pending"),
        (None, "pending", "running"),
        (new, None, "pending"),
        (new, "pending", "ready"),
    ]


async def test_a_cancelled_job_can_be_retried(board: Board) -> None:
    await board.cancel()

    assert await board.retry()
    assert await board.task_ids() == []


@pytest.mark.parametrize("finished", [False, True])
async def test_a_job_that_runs_or_has_its_result_is_not_retried(
    board: Board, *, finished: bool
) -> None:
    if finished:
        await board.finish()
    before = await board.job()

    assert not await board.retry()
    assert await board.job() == before
    assert await board.task_ids() == [board.first, board.second]


async def test_a_rerun_keeps_the_old_result_as_a_version(board: Board) -> None:
    await board.finish()
    before = await board.job()

    assert await board.rerun("merge", beam=7)

    job = await board.job()
    assert (job.status, job.version, job.transcript_path) == (JobStatus.PENDING, 2, None)
    assert job.parameters == {"language": "en", "beam": 7}
    assert job.rerun == {"from_stage": "merge", "options": {"beam": 7}}
    async with board.database.read() as connection:
        [old] = await versions_of(connection, [board.job_id])
    assert (old.version, old.status) == (1, JobStatus.COMPLETED)
    assert old.parameters == {"language": "en"}
    assert old.transcript_path == before.transcript_path
    assert old.completed_at == before.completed_at
    assert [task.id for task in old.tasks] == [board.first, board.second]
    assert await board.task_ids() == [board.first]
    assert (await board.story())[-1] == (None, "completed", "pending")


async def test_what_was_the_last_task_is_none_when_another_one_comes_behind_it(
    board: Board,
) -> None:
    await board.finish()
    await board.rerun("polish")
    assert await board.task_ids() == [board.first, board.second]

    new = new_task_id()
    plan = [PlannedTask(new, "polish", 0, "two", {}, after=(board.second,), final=True)]
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id])
        await transitions.start_jobs(connection, locked, {board.job_id: plan})
        await transitions.ready_tasks_of(connection, locked, [board.job_id])
    last = board.attempt("b" * 12, task_id=new)
    await board.complete(last)

    assert await board.move_on(new) == (set(), [board.job_id])
    assert (await board.job()).transcript_path == output_path(board.job_id, new, last.folder)


async def test_a_running_job_is_not_rerun(board: Board) -> None:
    assert not await board.rerun()
    async with board.database.read() as connection:
        assert await versions_of(connection, [board.job_id]) == []


async def test_of_two_retries_at_once_one_counts(board: Board) -> None:
    await failed_at_its_end(board)

    assert sorted(await asyncio.gather(board.retry(), board.retry())) == [False, True]
    assert (await board.job()).resumed == 1


async def test_of_many_reruns_at_once_one_counts(board: Board) -> None:
    await board.finish()

    answers = await asyncio.gather(*(board.rerun() for _ in range(5)))

    assert answers.count(True) == 1
    assert (await board.job()).version == 2


async def test_cancel_and_completion_at_once_end_the_job_once(board: Board) -> None:
    await board.complete(board.attempt())
    await board.move_on(board.first)
    last = board.attempt(task_id=board.second)

    async def complete() -> list[str]:
        async with board.database.write() as connection:
            await lock(connection, [board.job_id], [board.second])
        await board.complete(last)
        return (await board.move_on(board.second))[1]

    completed, cancelled = await asyncio.gather(complete(), board.cancel())

    assert sorted([completed, cancelled]) == [[], [board.job_id]]
    expected = JobStatus.COMPLETED if completed else JobStatus.CANCELLED
    assert (await board.job()).status is expected
    ends = [row for row in await board.story() if row[0] is None and row[1] == "running"]
    assert len(ends) == 1


@pytest.mark.parametrize("first", ["rerun", "delete"])
async def test_a_rerun_and_a_deletion_leave_nothing_that_runs(board: Board, first: str) -> None:
    await board.finish()

    async def delete() -> None:
        # As the gateway does.
        async with board.database.write() as connection:
            locked = await lock(connection, [board.job_id])
            await transitions.cancel_jobs(connection, locked, [board.job_id])
            await removal.mark_deleted(connection, board.job_id)

    calls = [board.rerun(), delete()] if first == "rerun" else [delete(), board.rerun()]
    await asyncio.gather(*calls)

    async with board.database.read() as connection:
        assert await reading.find_job(connection, board.job_id) is None
        assert await work.pending_jobs(connection, {"stub"}, 10, fetches=True) == []


async def test_a_task_that_failed_waits_in_the_database(board: Board) -> None:
    attempt = board.attempt()
    await board.start(attempt)
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id], [board.first])
        pairs = [(attempt, FAILURE)]
        pauses = {board.first: 3600.0}
        await transitions.return_tasks(connection, locked, pairs, Cause.RETRY, pauses)

    async with board.database.read() as connection:
        assert await ready_entries(connection, "one", 10) == []
        [task, _] = (await reading.tasks_of(connection, [board.job_id]))[board.job_id]
    job = await board.job()
    assert task.not_before is not None
    assert job.started_at is not None
    assert 3590 < (task.not_before - job.started_at).total_seconds() < 3660


async def test_a_task_whose_pause_is_over_is_handed_out(board: Board) -> None:
    await board.start(board.attempt())
    await board.give_back(board.attempt(), Cause.LOST)

    async with board.database.read() as connection:
        [entry] = await ready_entries(connection, "one", 10)
    assert entry.hand_out == 2
