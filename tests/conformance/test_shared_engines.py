"""Engines that wait for others: what the tasks of one owner wait for doesn't hold up another's."""

from __future__ import annotations

import msgspec

from dalston.common.messages import QueueEntry, decode_entry
from dalston.common.models import PlannedTask, new_job_id, new_task_id
from dalston.common.queue import EngineInstance, TaskQueue
from dalston.common.redis import queue_key
from dalston.db import jobs as transitions
from dalston.db.entries import ready_entries
from dalston.db.locking import lock
from dalston.orchestrator.scheduler import Scheduler
from tests.support.board import Board, new_job

ENGINE = "patient"
SLOTS = 4


async def submit(board: Board, owner: str, count: int = 1) -> list[str]:
    """Start jobs of one task each; return the tasks."""
    jobs = [new_job(new_job_id(), owner=owner) for _ in range(count)]
    plan = {job.id: [PlannedTask(new_task_id(), "wait", 0, ENGINE, {}, final=True)] for job in jobs}
    async with board.database.write() as connection:
        await transitions.create_jobs(connection, jobs)
    async with board.database.write() as connection:
        locked = await lock(connection, [job.id for job in jobs])
        await transitions.start_jobs(connection, locked, plan)
    return [task.id for tasks in plan.values() for task in tasks]


async def start(board: Board, queue: TaskQueue) -> str:
    """Claim and start the next task in the queue; return it."""
    raw = await queue.pop(ENGINE, 1.0)
    assert raw is not None
    entry = decode_entry(raw)
    assert entry is not None
    await begin(board, entry)
    return entry.task_id


async def begin(board: Board, entry: QueueEntry) -> None:
    attempt = msgspec.structs.replace(
        board.attempt(task_id=entry.task_id), job_id=entry.job_id, instance=ENGINE
    )
    async with board.database.write() as connection:
        locked = await lock(connection, [entry.job_id], [entry.task_id])
        await transitions.start_attempts(connection, locked, [attempt])


async def queued(queue: TaskQueue) -> list[str]:
    found = await queue.redis.lrange(queue_key(ENGINE), 0, -1)
    return [msgspec.json.decode(raw)["task_id"] for raw in reversed(found)]


async def test_one_owner_has_all_slots_but_one(board: Board, queue: TaskQueue) -> None:
    await queue.announce(EngineInstance("patient-1", ENGINE, SLOTS, "ready"))
    scheduler = Scheduler(board.database, queue, {ENGINE})
    of_ada = await submit(board, "ada", 10)
    await scheduler.fill([ENGINE])
    assert len(await queued(queue)) == SLOTS - 1
    started = [await start(board, queue) for _ in range(SLOTS - 1)]
    await scheduler.fill([ENGINE])
    assert set(started) < set(of_ada)
    assert await queued(queue) == [], "whatever ada's tasks wait for, a slot is left"

    of_bob = await submit(board, "bob")
    await scheduler.fill([ENGINE])
    assert await queued(queue) == of_bob


async def test_what_one_owner_has_waiting_hides_nobody_elses(
    board: Board, queue: TaskQueue
) -> None:
    await queue.announce(EngineInstance("patient-1", ENGINE, SLOTS, "ready"))
    scheduler = Scheduler(board.database, queue, {ENGINE})
    await submit(board, "ada", 250)
    await scheduler.fill([ENGINE])
    for _ in range(SLOTS - 1):
        await start(board, queue)
    # While ada's first ones wait, others go ahead of all that she has.
    of_carol = await submit(board, "carol", 200)
    async with board.database.read() as connection:
        entries = await ready_entries(connection, ENGINE, 1000)
    await begin(board, next(entry for entry in entries if entry.task_id == of_carol[-1]))

    of_bob = await submit(board, "bob")
    await scheduler.fill([ENGINE])
    assert set(await queued(queue)) == {*of_carol[: SLOTS - 2], *of_bob}


async def test_where_there_is_one_slot_it_is_everybodys(board: Board, queue: TaskQueue) -> None:
    await queue.announce(EngineInstance("patient-1", ENGINE, 1, "ready"))
    await submit(board, "ada", 3)
    await Scheduler(board.database, queue, {ENGINE}).fill([ENGINE])
    assert len(await queued(queue)) == 1
