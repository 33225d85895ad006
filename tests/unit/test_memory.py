"""Who gets the memory when: nobody beyond it, nobody for ever, nobody never."""

from __future__ import annotations

import asyncio

import pytest

from dalston.engine_sdk import memory
from dalston.engine_sdk.memory import MemoryKeeper, Tenant

IDLE_SECONDS = 3600.0


class Child:
    """A tenant that does as a slot does."""

    def __init__(self, keeper: MemoryKeeper, name: str, megabytes: int) -> None:
        self.tenant = Tenant(keeper, name, megabytes, IDLE_SECONDS)
        self.ended = asyncio.Event()

    async def load(self) -> None:
        await self.tenant.admitted()
        self.ended.clear()
        self.tenant.settle(self.end)

    async def end(self) -> None:
        self.ended.set()


async def settled() -> None:
    """Let everything that can go on go on."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_the_one_that_was_idle_longest_goes_first() -> None:
    keeper = MemoryKeeper(300)
    first, second, third = (Child(keeper, name, 100) for name in ("a", "b", "c"))
    for child in (first, second, third):
        await child.load()
    for child in (second, third, first):
        child.tenant.idle()
    await Child(keeper, "d", 100).load()
    assert [child.ended.is_set() for child in (first, second, third)] == [False, True, False]
    assert keeper.free == 0


async def test_nobody_at_work_is_ended() -> None:
    keeper = MemoryKeeper(100)
    worker, waiting = Child(keeper, "a", 100), Child(keeper, "b", 100)
    await worker.load()
    worker.tenant.busy()
    loading = asyncio.create_task(waiting.load())
    await settled()
    assert not loading.done()
    assert not worker.ended.is_set()
    worker.tenant.idle()
    await asyncio.wait_for(loading, 5)
    assert worker.ended.is_set()


async def test_a_small_one_does_not_overtake_a_large_one() -> None:
    keeper = MemoryKeeper(300)
    worker = Child(keeper, "worker", 200)
    await worker.load()
    large, small = Child(keeper, "large", 300), Child(keeper, "small", 100)
    order: list[str] = []

    async def enter(child: Child) -> None:
        await child.load()
        order.append(child.tenant.name)
        child.tenant.idle()

    entering = [asyncio.create_task(enter(child)) for child in (large, small)]
    await settled()
    assert order == []
    worker.tenant.idle()
    await asyncio.wait_for(asyncio.gather(*entering), 5)
    assert order == ["large", "small"]


async def test_one_that_is_always_at_work_gives_way_after_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "TURN_SECONDS", 0.05)
    keeper = MemoryKeeper(100)
    worker, waiting = Child(keeper, "a", 100), Child(keeper, "b", 100)
    await worker.load()
    worker.tenant.busy()
    loading = asyncio.create_task(waiting.load())
    async with asyncio.timeout(5):
        while not worker.tenant.must_leave():
            await settled()
    assert not loading.done()
    assert not worker.ended.is_set(), "it is asked, and ends after its task"
    worker.tenant.leave()
    await asyncio.wait_for(loading, 5)


async def test_who_gives_up_waiting_leaves_the_way_free() -> None:
    keeper = MemoryKeeper(100)
    worker = Child(keeper, "a", 100)
    await worker.load()
    waiting, behind = Child(keeper, "b", 100), Child(keeper, "c", 50)
    given_up, loading = (asyncio.create_task(child.load()) for child in (waiting, behind))
    await settled()
    given_up.cancel()
    await settled()
    worker.tenant.leave()
    await asyncio.wait_for(loading, 5)
    assert keeper.free == 50


async def test_more_for_another_model_is_waited_for_with_nothing_held() -> None:
    keeper = MemoryKeeper(300)
    one, two = Child(keeper, "a", 100), Child(keeper, "b", 100)
    for child in (one, two):
        await child.load()
        child.tenant.busy()
    assert one.tenant.must_leave_for(250)
    assert two.tenant.must_leave_for(250)
    assert keeper.free == 100, "what is held is what was given"
    one.tenant.leave()
    two.tenant.leave()
    await one.load()
    assert keeper.free == 50
    one.tenant.idle()
    await asyncio.wait_for(two.load(), 5)
    assert one.ended.is_set()
    two.tenant.leave()
    await two.load()
    assert keeper.free == 200, "the next time it is the usual one again"


async def test_what_never_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="more than the whole"):
        await Child(MemoryKeeper(100), "a", 101).load()
