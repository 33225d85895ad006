"""A clock that was ahead for a while holds nothing up once it is right again."""

from __future__ import annotations

import msgspec
from sqlalchemy import Float, bindparam, select, update

from dalston.common.models import TaskStatus, new_job_id
from dalston.db import jobs as transitions
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseLater, deliveries, tasks
from dalston.db.locking import lock
from dalston.orchestrator.housekeeping import Housekeeping
from dalston.orchestrator.parts import Parts
from tests.support.board import Board, new_job

_SECONDS = DatabaseLater(bindparam("seconds", type_=Float))
_TASKS_WAIT = compile_statement(
    update(tasks).where(tasks.c.status == TaskStatus.READY.value).values(not_before=_SECONDS)
)
_TASKS_HELD = compile_statement(select(tasks.c.id).where(tasks.c.not_before > DatabaseLater(60.0)))
_DELIVERIES_WAIT = compile_statement(update(deliveries).values(due_at=_SECONDS))
_DELIVERIES_HELD = compile_statement(
    select(deliveries.c.id).where(deliveries.c.due_at > DatabaseLater(60.0))
)


async def test_what_a_clock_that_was_ahead_told_to_wait_goes_on(parts: Parts, board: Board) -> None:
    async def held() -> tuple[int, int]:
        async with board.database.read() as connection:
            tasks = await connection.fetch(_TASKS_HELD)
            told = await connection.fetch(_DELIVERIES_HELD)
        return len(tasks), len(told)

    ended = msgspec.structs.replace(new_job(new_job_id()), callback_url="https://example.org/")
    async with board.database.write() as connection:
        await transitions.create_jobs(connection, [ended])
        locked = await lock(connection, [ended.id])
        await transitions.cancel_jobs(connection, locked, [ended.id])
        await connection.fetch(_TASKS_WAIT, seconds=86400.0)
        await connection.fetch(_DELIVERIES_WAIT, seconds=86400.0)
    waiting = await held()
    assert min(waiting) > 0
    await Housekeeping(parts).run()
    assert await held() == waiting, "a pause may last a day"

    async with board.database.write() as connection:
        await connection.fetch(_TASKS_WAIT, seconds=4e7)
        await connection.fetch(_DELIVERIES_WAIT, seconds=4e7)
    await Housekeeping(parts).run()
    assert await held() == (0, 0)
