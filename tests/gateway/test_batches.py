"""Work that is gathered while other work is being done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dalston.gateway.services.batches import Batches


class Work:
    """Doubles numbers, batch by batch, when it is let; refuses 13, and all of a batch with 99."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.begun.set()
        await self.may_end.wait()
        if 99 in numbers:
            raise LookupError("all of them")
        return [ValueError("13") if number == 13 else 2 * number for number in numbers]


async def test_what_comes_while_a_batch_is_under_way_makes_the_next() -> None:
    work = Work()
    batches = Batches(work, most=3)
    first = batches.add(1)
    await work.begun.wait()
    others = [batches.add(number) for number in (2, 3, 4, 5)]
    work.may_end.set()

    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4], [5]]


async def test_those_that_have_to_wait_may_wait_for_others() -> None:
    work = Work()
    batches = Batches(work, most=10, gather_seconds=0.5)
    first = batches.add(1)
    await work.begun.wait()
    second = batches.add(2)
    work.may_end.set()
    await first
    third = batches.add(3)

    assert [await second, await third] == [4, 6]
    assert work.batches == [[1], [2, 3]]


async def test_one_that_is_refused_is_refused_alone() -> None:
    work = Work()
    work.may_end.set()
    batches = Batches(work, most=10)
    answers = await asyncio.gather(
        *(batches.add(number) for number in (1, 13, 2)), return_exceptions=True
    )
    assert answers[0] == 2
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 4


async def test_work_that_fails_fails_its_batch_and_the_next_is_done() -> None:
    work = Work()
    work.may_end.set()
    batches = Batches(work, most=2)
    answers = await asyncio.gather(
        *(batches.add(number) for number in (1, 99, 2)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [LookupError, LookupError, int]
    assert await batches.add(4) == 8


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    work = Work()
    batches = Batches(work, most=10)
    gone, stays = batches.add(1), batches.add(2)
    await work.begun.wait()
    gone.cancel()
    work.may_end.set()
    assert await stays == 4


async def test_closing_waits_for_what_is_under_way_and_then_gives_it_up() -> None:
    work = Work()
    batches = Batches(work, most=10)
    await batches.close(5)
    answer = batches.add(1)
    await work.begun.wait()
    closing = asyncio.create_task(batches.close(5))
    work.may_end.set()
    await closing
    assert await answer == 2

    work.may_end.clear()
    work.begun.clear()
    stuck = batches.add(2)
    await work.begun.wait()
    await batches.close(0)
    with pytest.raises(asyncio.CancelledError):
        await stuck
