"""What is posted is sent once, in order, and together with what waits beside it."""

from __future__ import annotations

import asyncio

import pytest
from anyio.lowlevel import checkpoint
from redis.exceptions import RedisError

from dalston.common.events import EventBus
from dalston.common.messages import Attempt, JobCreated, TaskCompleted
from dalston.common.models import new_attempt_token, new_job_id, new_task_id
from dalston.common.queue import LeaseState, LeaseUpdate, Outcome, Renewal, TaskQueue
from dalston.common.redis import EVENTS, job_channel, lease_key
from tests.support.deployment import Deployment
from tests.support.hand_off import claim

READER = "reader"
_PATIENT_SECONDS = 0.5
"""Longer than this machine may ever be busy with something else in the middle of a test."""


@pytest.fixture
def events(queue: TaskQueue) -> EventBus:
    return EventBus(queue.redis)


def completed() -> TaskCompleted:
    return TaskCompleted(
        job_id=new_job_id(),
        task_id=new_task_id(),
        hand_out=1,
        token=new_attempt_token(),
        instance="engine-1",
        seconds=0.5,
    )


def done(attempt: Attempt) -> LeaseUpdate:
    return LeaseUpdate(attempt, LeaseState.DONE, outcome=Outcome())


async def scripts_run(queue: TaskQueue) -> int:
    statistics = await queue.redis.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def read_all(events: EventBus) -> list[object]:
    await events.read(READER, 0.01)  # makes the group
    found, unknown = await events.read(READER, 1)
    assert unknown == 0
    return list(found)


async def test_what_is_posted_together_goes_in_one_call(queue: TaskQueue, events: EventBus) -> None:
    await events.emit([JobCreated(new_job_id())])
    posted = [completed() for _ in range(50)]
    before = await scripts_run(queue)

    await asyncio.gather(*(events.post(event, done(event)) for event in posted))

    assert await scripts_run(queue) - before == 1
    assert (await read_all(events))[1:] == posted
    leases = await queue.leases([event.task_id for event in posted])
    assert [leases[event.task_id].outcome for event in posted] == [Outcome()] * len(posted)


async def test_what_has_to_wait_goes_with_what_comes_soon_after(queue: TaskQueue) -> None:
    events = EventBus(queue.redis, _PATIENT_SECONDS)
    await events.emit([JobCreated(new_job_id())])
    posted = [completed() for _ in range(3)]
    before = await scripts_run(queue)

    alone = events.post(posted[0])
    await checkpoint()  # it is under way now
    waits = events.post(posted[1])
    await alone
    comes_after = events.post(posted[2])
    await asyncio.gather(waits, comes_after)

    assert await scripts_run(queue) - before == 2
    assert (await read_all(events))[1:] == posted


async def test_behind_many_events_more_are_waited_for(queue: TaskQueue, events: EventBus) -> None:
    reader = EventBus(queue.redis, _PATIENT_SECONDS)
    many = [JobCreated(new_job_id()) for _ in range(10)]
    await events.emit(many)
    assert await read_all(reader) == many
    two = [JobCreated(new_job_id()) for _ in range(2)]

    reading = asyncio.create_task(reader.read(READER, 1))
    for event in two:
        await events.emit([event])

    assert await reading == (two, 0)


async def test_listeners_of_the_job_and_of_all_hear_it(
    events: EventBus, deployment: Deployment
) -> None:
    event = completed()
    with deployment.redis() as client, client.pubsub() as listener:
        listener.subscribe(EVENTS, job_channel(event.job_id))
        assert listener.get_message(timeout=5)
        assert listener.get_message(timeout=5)
        await events.emit([event])
        heard = [listener.get_message(timeout=5) for _ in range(2)]
    assert {message["channel"].decode() for message in heard if message} == {
        EVENTS,
        job_channel(event.job_id),
    }


async def test_an_outcome_is_not_written_to_a_closed_or_foreign_lease(
    queue: TaskQueue, events: EventBus
) -> None:
    ours, others = completed(), completed()
    await claim(queue, ours)
    await queue.tell(close=[(ours.task_id, 1, ours.token)])
    await queue.redis.hset(lease_key(others.task_id), mapping={"hand_out": 1, "token": "another"})

    await asyncio.gather(*(events.post(event, done(event)) for event in (ours, others)))

    assert await queue.renew([done(ours), done(others)]) == [Renewal.CLOSED, Renewal.CLOSED]
    assert await queue.redis.hget(lease_key(others.task_id), "outcome") is None
    assert await read_all(events) == [ours, others]


async def test_one_that_redis_refuses_does_not_silence_the_others(
    queue: TaskQueue, events: EventBus
) -> None:
    posted = [completed() for _ in range(3)]
    await queue.redis.set(lease_key(posted[1].task_id), "not a hash")

    answers = await asyncio.gather(
        *(events.post(event, done(event)) for event in posted), return_exceptions=True
    )

    assert [isinstance(answer, RedisError) for answer in answers] == [False, True, False]
    assert await read_all(events) == [posted[0], posted[2]]
