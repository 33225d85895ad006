"""What renews an engine's leases, on a real Redis."""

from __future__ import annotations

import asyncio

import pytest

from dalston.common.events import EventBus
from dalston.common.leases import RENEW_SECONDS
from dalston.common.queue import EngineInstance, TaskQueue
from dalston.common.redis import connect
from dalston.engine_sdk.leases import LeaseKeeper
from tests.support.deployment import Deployment


@pytest.mark.parametrize("turns", range(25))
async def test_ends_when_it_is_cancelled_at_whatever_moment(
    shared_deployment: Deployment, turns: int
) -> None:
    redis = connect(shared_deployment.redis_url)
    instance = EngineInstance("engine-1", "some-engine", 1, "ready")
    keeper = LeaseKeeper(TaskQueue(redis), EventBus(redis), lambda: instance)
    running = asyncio.create_task(keeper.run())
    for _ in range(turns):
        await turn_of_the_loop()

    running.cancel()
    _, left = await asyncio.wait([running], timeout=RENEW_SECONDS * 5)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await redis.aclose()
    assert not left, "one order to end was not heard"


async def turn_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned
