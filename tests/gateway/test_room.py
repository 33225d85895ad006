"""Room for jobs is held while their recordings come."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from dalston.common.access import LOCAL_OWNER, Caller, Limits, Scope
from dalston.common.errors import TooManyJobsError
from dalston.db.admission import Repeats
from dalston.db.limits import add_owner
from dalston.gateway.parts import Parts
from dalston.gateway.services.idempotency import Name
from dalston.gateway.services.room import Room

AGAIN = Name(repeats=Repeats.AGAIN)


@pytest.fixture
async def room(parts: Parts) -> Room:
    async with parts.database.write() as connection:
        await add_owner(connection, LOCAL_OWNER)
    return Room(parts.database)


def caller(**limits: int) -> Caller:
    return Caller(LOCAL_OWNER, frozenset({Scope.SUBMIT}), Limits(**limits))


async def test_uploads_that_are_coming_count_for_the_jobs_that_they_are_to_be(room: Room) -> None:
    ada = caller(running_jobs=2)
    async with AsyncExitStack() as coming:
        for _ in range(2):
            await coming.enter_async_context(room.held(ada, Name()))
        with pytest.raises(TooManyJobsError):
            await room.require(ada)
    assert not await room.require(ada)


async def test_what_may_be_a_job_already_has_as_much_room_once_more(room: Room) -> None:
    ada = caller(running_jobs=1)
    async with room.held(ada, Name()), room.held(ada, AGAIN):
        with pytest.raises(TooManyJobsError):
            await room.require(ada, AGAIN)


async def test_without_a_limit_there_is_always_room(room: Room) -> None:
    async with AsyncExitStack() as coming:
        for _ in range(50):
            await coming.enter_async_context(room.held(caller(), Name()))
