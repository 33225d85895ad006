"""The transitions of `db/jobs.py` on every database: what they let through and what they refuse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import bindparam, update

from dalston.common.messages import TaskReleased
from dalston.common.models import (
    Cause,
    Failure,
    JobStatus,
    PlannedTask,
    TaskStatus,
    new_job_id,
    new_task_id,
)
from dalston.common.storage import output_path
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import tasks
from dalston.db.entries import ready_entries
from dalston.db.locking import lock
from dalston.db.verdict import Verdict
from dalston.orchestrator.batches import Batch, Effects
from dalston.orchestrator.handlers import handle_tasks_returned
from tests.support.board import FAILURE, Board, new_job

_ENDED = compile_statement(
    update(tasks)
    .where(tasks.c.id == bindparam("task_id"))
    .values(status=TaskStatus.COMPLETED.value, output_path="jobs/made-up")
)


async def test_a_job_from_beginning_to_end(board: Board) -> None:
    assert (await board.job()).status is JobStatus.RUNNING
    assert await board.statuses() == ["ready", "pending"]

    assert await board.start(board.attempt()) == [Verdict.APPLIED]
    assert await board.complete(board.attempt()) == [Verdict.APPLIED]
    assert await board.move_on(board.first) == ({"two"}, [])
    last = board.attempt(task_id=board.second)
    assert await board.complete(last) == [Verdict.APPLIED]
    assert await board.move_on(board.second) == (set(), [board.job_id])

    job = await board.job()
    assert job.status is JobStatus.COMPLETED
    assert job.transcript_path == output_path(board.job_id, board.second, last.folder)
    assert job.started_at is not None
    assert job.completed_at is not None
    assert job.created_at <= job.started_at <= job.completed_at
    assert await board.story() == [
        (None, None, "pending"),
        (None, "pending", "running"),
        (board.first, None, "ready"),
        (board.second, None, "pending"),
        (board.first, "ready", "running"),
        (board.first, "running", "completed"),
        (board.second, "pending", "ready"),
        (board.second, "ready", "running"),
        (board.second, "running", "completed"),
        (None, "running", "completed"),
    ]


async def test_a_job_is_planned_once(board: Board) -> None:
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id])
        again = {board.job_id: [PlannedTask(new_task_id(), "transcribe", 0, "one", {})]}
        assert await transitions.start_jobs(connection, locked, again) == []
    assert await board.statuses() == ["ready", "pending"]


async def test_the_first_attempt_that_is_heard_of_is_the_one_that_counts(board: Board) -> None:
    ours, other = board.attempt("a" * 12), board.attempt("b" * 12)

    assert await board.start(ours, other, ours) == [
        Verdict.APPLIED,
        Verdict.REFUSED,
        Verdict.REPEATED,
    ]
    assert await board.complete(other) == [Verdict.REFUSED]
    assert await board.fail(other) is Verdict.REFUSED
    assert await board.give_back(other, Cause.LOST) is Verdict.REFUSED
    assert await board.complete(ours, ours) == [Verdict.APPLIED, Verdict.REPEATED]


async def test_a_completion_implies_the_start_that_was_lost(board: Board) -> None:
    assert await board.complete(board.attempt()) == [Verdict.APPLIED]
    assert await board.start(board.attempt()) == [Verdict.REFUSED]
    assert await board.complete(board.attempt("b" * 12)) == [Verdict.REFUSED]


@pytest.mark.parametrize(
    ("cause", "counters"),
    [
        (Cause.RETRY, (1, 0, 0)),
        (Cause.LOST, (0, 1, 0)),
        (Cause.RESTART, (0, 0, 1)),
        (Cause.RELEASED, (0, 0, 0)),
    ],
)
async def test_a_task_that_comes_back_is_the_next_hand_out(
    board: Board, cause: Cause, counters: tuple[int, int, int]
) -> None:
    old = board.attempt("a" * 12, hand_out=1)
    await board.start(old)
    assert await board.give_back(old, cause) is Verdict.APPLIED
    assert await board.give_back(old, cause) is Verdict.REFUSED

    async with board.database.write() as connection:
        row = (await lock(connection, [board.job_id], [board.first])).tasks[board.first]
    assert (row.status, row.hand_out, row.token) == (TaskStatus.READY, 2, None)
    assert (row.failures, row.losses, row.restarts) == counters
    assert await board.start(old) == [Verdict.REFUSED]
    assert await board.complete(old) == [Verdict.REFUSED]
    assert await board.complete(board.attempt("c" * 12, hand_out=2)) == [Verdict.APPLIED]


@pytest.mark.parametrize(
    ("missed", "why"),
    [
        (None, "released: the engine was told to stop"),
        (Failure("store_unavailable", "the store was away"), "released: the store was away"),
    ],
)
async def test_the_history_says_why_an_engine_handed_a_task_back(
    board: Board, missed: Failure | None, why: str
) -> None:
    attempt = board.attempt()
    await board.start(attempt)
    event = TaskReleased(**msgspec.structs.asdict(attempt), missed=missed)
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id], [board.first])
        await handle_tasks_returned(connection, locked, Batch(events=[event]), Effects())
    async with board.database.read() as connection:
        assert why in [row.why for row in await reading.history_of(connection, board.job_id)]


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.RESTART])
async def test_only_a_running_task_is_lost(board: Board, cause: Cause) -> None:
    assert await board.give_back(board.attempt(), cause) is Verdict.REFUSED


@pytest.mark.parametrize("cause", [Cause.RETRY, Cause.RELEASED])
async def test_what_an_engine_says_implies_the_start_that_comes_later(
    board: Board, cause: Cause
) -> None:
    assert await board.give_back(board.attempt(), cause) is Verdict.APPLIED

    assert await board.start(board.attempt()) == [Verdict.REFUSED]
    assert await board.start(board.attempt("b" * 12, hand_out=2)) == [Verdict.APPLIED]


async def test_a_message_about_another_job_does_not_count(board: Board) -> None:
    forged = msgspec.structs.replace(board.attempt(), job_id=new_job_id())

    assert await board.start(forged) == [Verdict.REFUSED]
    await board.start(board.attempt())
    assert await board.complete(forged) == [Verdict.REFUSED]


async def test_a_message_that_names_another_job_that_runs_does_not_count(board: Board) -> None:
    other = Board(board.database)
    await other.set_up()
    forged = msgspec.structs.replace(board.attempt(), job_id=other.job_id)
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id, other.job_id], [board.first])
        verdicts = await transitions.start_attempts(connection, locked, [forged])
    assert verdicts == [Verdict.REFUSED]
    assert await board.statuses() == ["ready", "pending"]


async def test_the_last_tasks_end_alone_does_not_complete_a_job(board: Board) -> None:
    """No transition leads there: it must not even so."""
    async with board.database.write() as connection:
        await connection.fetch(_ENDED, task_id=board.second)
    assert await board.move_on() == (set(), [])
    assert (await board.job()).status is JobStatus.RUNNING


async def test_a_failed_task_fails_its_job_and_cancels_the_others(board: Board) -> None:
    await board.start(board.attempt())
    assert await board.fail(board.attempt()) is Verdict.APPLIED

    job = await board.job()
    assert job.status is JobStatus.FAILED
    assert job.error == Failure(FAILURE.code, FAILURE.message)
    assert await board.statuses() == ["failed", "cancelled"]
    assert await board.cancel() == []
    assert await board.complete(board.attempt()) == [Verdict.REFUSED]


async def test_cancelling_ends_a_job_and_its_tasks_once(board: Board) -> None:
    await board.start(board.attempt())

    assert await board.cancel() == [board.job_id]
    assert await board.cancel() == []

    assert (await board.job()).status is JobStatus.CANCELLED
    assert await board.statuses() == ["cancelled", "cancelled"]
    assert await board.complete(board.attempt()) == [Verdict.REFUSED]
    assert await board.move_on(board.first) == (set(), [])


async def test_completion_before_cancel_leaves_nothing_to_cancel(board: Board) -> None:
    await board.complete(board.attempt())
    await board.move_on(board.first)
    await board.complete(board.attempt(task_id=board.second))
    await board.move_on(board.second)

    assert await board.cancel() == []
    assert (await board.job()).status is JobStatus.COMPLETED


async def test_ready_tasks_carry_what_an_engine_needs(board: Board) -> None:
    await board.complete(board.attempt())
    await board.move_on(board.first)

    async with board.database.read() as connection:
        assert await ready_entries(connection, "one", 10) == []
        [entry] = await ready_entries(connection, "two", 10)

    assert (entry.task_id, entry.hand_out, entry.stage) == (board.second, 1, "merge")
    assert entry.audio == f"jobs/{board.job_id}/audio/original.wav"
    expected = output_path(board.job_id, board.first, board.attempt().folder)
    assert entry.inputs == {"transcribe": expected}


async def test_nobody_waits_behind_the_many_jobs_of_another(board: Board) -> None:
    many = [new_job_id() for _ in range(20)]
    await submit_and_plan(board, many, owner="busy")
    late = new_job_id()
    await submit_and_plan(board, [late], owner="late")

    async with board.database.read() as connection:
        order = [entry.job_id for entry in await ready_entries(connection, "shared", 100)]

    assert order.index(late) < 3
    assert [job_id for job_id in order if job_id != late] == many


async def submit_and_plan(board: Board, job_ids: Sequence[str], owner: str) -> None:
    for job_id in job_ids:
        async with board.database.write() as connection:
            await transitions.create_jobs(connection, [new_job(job_id, owner)])
            locked = await lock(connection, [job_id])
            plan = [PlannedTask(new_task_id(), "transcribe", 0, "shared", {}, final=True)]
            await transitions.start_jobs(connection, locked, {job_id: plan})


async def test_a_batch_moves_many_tasks_at_once(board: Board) -> None:
    """As events are handled: many rows in one statement, and each judged by itself."""
    others = [Board(board.database) for _ in range(3)]
    for other in others:
        await other.set_up()
    boards = [board, *others]
    attempts = [each.attempt() for each in boards]
    job_ids, task_ids = [each.job_id for each in boards], [each.first for each in boards]

    async with board.database.write() as connection:
        locked = await lock(connection, job_ids, task_ids)
        started = await transitions.start_attempts(connection, locked, attempts)
        back = [(attempt, FAILURE) for attempt in attempts[:2]]
        returned = await transitions.return_tasks(connection, locked, back, Cause.RETRY)
        completed = await transitions.complete_tasks(connection, locked, attempts[1:3])
        failed = await transitions.fail_tasks(connection, locked, [(attempts[3], FAILURE)])
        await transitions.ready_dependents(connection, locked, task_ids)
        reasons = {boards[3].job_id: FAILURE, boards[0].job_id: FAILURE}
        ended = await transitions.fail_jobs(connection, locked, reasons)

    assert started == [Verdict.APPLIED] * 4
    assert returned == [Verdict.APPLIED] * 2
    assert completed == [Verdict.REFUSED, Verdict.APPLIED]
    assert failed == [Verdict.APPLIED]
    assert sorted(ended) == sorted(reasons)
    assert [await each.statuses() for each in boards] == [
        ["cancelled", "cancelled"],
        ["ready", "pending"],
        ["completed", "ready"],
        ["failed", "cancelled"],
    ]
    async with board.database.write() as connection:
        locked = await lock(connection, job_ids)
        assert len(await transitions.cancel_jobs(connection, locked, job_ids)) == 2
