"""What an owner has used, for who asks and for who adds to it."""

from __future__ import annotations

from dalston.common.access import LOCAL_OWNER, Limits
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.reading import find_job
from dalston.db.usage import Usage, hold_usage, usage_of, write_usage
from tests.support.board import Board

ROOMY, TIGHT = Limits(audio_seconds_per_day=1000.0), Limits(audio_seconds_per_day=1.0)


async def test_jobs_are_looked_at_only_where_what_is_charged_leaves_no_room(board: Board) -> None:
    """Whoever has thousands of jobs waiting would have all of them looked at by each request."""
    await charge(board)
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id])
        await transitions.cancel_jobs(connection, locked, [board.job_id])

    # It was cancelled before anybody knew its length, and so counts nothing.
    assert (await asked(board, ROOMY)).audio_seconds > 1.0
    assert (await asked(board, TIGHT)).audio_seconds == 0.0
    async with board.database.write() as connection:
        held = await hold_usage(connection, {LOCAL_OWNER: ROOMY})
    assert held[LOCAL_OWNER].audio_seconds == 0.0


async def charge(board: Board) -> None:
    async with board.database.write() as connection:
        held = await hold_usage(connection, {LOCAL_OWNER: ROOMY})
        job = await find_job(connection, board.job_id)
        assert job is not None
        held[LOCAL_OWNER].add(job, ROOMY)
        await write_usage(connection, held, {board.job_id})


async def asked(board: Board, limits: Limits) -> Usage:
    async with board.database.read() as connection:
        return await usage_of(connection, LOCAL_OWNER, limits)
