"""The hand-off through Redis: each rule that must hold between two processes."""

from __future__ import annotations

import msgspec

from dalston.common.messages import Attempt, JobUpdated, QueueEntry, decode_entry, encode
from dalston.common.models import Failure, JobStatus, new_attempt_token, new_job_id, new_task_id
from dalston.common.queue import (
    LEASE_SECONDS,
    EngineInstance,
    LeaseState,
    LeaseUpdate,
    Offer,
    Outcome,
    Published,
    Renewal,
    TaskQueue,
    Told,
)
from dalston.common.redis import (
    STEADY,
    backlog_key,
    job_channel,
    job_tasks_key,
    lease_key,
    queue_key,
)
from tests.support.deployment import Deployment
from tests.support.hand_off import backlogged, claim, publish

ENGINE = "some-engine"


def new_entry(hand_out: int = 1, task_id: str = "") -> QueueEntry:
    return QueueEntry(
        task_id=task_id or new_task_id(),
        hand_out=hand_out,
        job_id=new_job_id(),
        engine_id=ENGINE,
        stage="transcribe",
        audio="jobs/x/audio/original.wav",
        audio_bytes=10,
        inputs={"prepare": "jobs/x/output.json"},
        config={"beam": 5},
    )


def attempt_at(entry: QueueEntry) -> Attempt:
    return Attempt(
        job_id=entry.job_id,
        task_id=entry.task_id,
        hand_out=entry.hand_out,
        token=new_attempt_token(),
        instance="engine-1",
    )


async def test_entries_are_popped_in_the_order_in_which_they_were_published(
    queue: TaskQueue,
) -> None:
    entries = [new_entry() for _ in range(3)]
    answers = await publish(queue, ENGINE, 5, entries)

    assert answers == [Published.PUSHED] * 3
    popped = [await queue.pop(ENGINE, 1) for _ in entries]
    assert [decode_entry(raw or b"") for raw in popped] == entries
    assert await queue.pop(ENGINE, 0.01) is None
    assert await queue.redis.smembers(job_tasks_key(entries[0].job_id)) == {
        entries[0].task_id.encode()
    }


async def test_a_queue_takes_no_more_than_its_window_and_nothing_twice(queue: TaskQueue) -> None:
    entries = [new_entry() for _ in range(3)]

    assert await publish(queue, ENGINE, 2, entries) == [
        Published.PUSHED,
        Published.PUSHED,
        Published.FULL,
    ]
    assert await publish(queue, ENGINE, 9, entries) == [
        Published.QUEUED,
        Published.QUEUED,
        Published.PUSHED,
    ]
    assert await queue.redis.llen(queue_key(ENGINE)) == 3


async def test_a_claimed_task_is_not_published_until_its_next_hand_out(queue: TaskQueue) -> None:
    entry = new_entry(hand_out=1)
    assert await claim(queue, attempt_at(entry))

    assert await publish(queue, ENGINE, 9, [entry]) == [Published.LEASED]
    again = new_entry(hand_out=2, task_id=entry.task_id)
    assert await publish(queue, ENGINE, 9, [again]) == [Published.PUSHED]


async def test_a_hand_out_is_claimed_once_and_a_stale_entry_never(queue: TaskQueue) -> None:
    first, second = new_entry(hand_out=1), new_entry(hand_out=2)
    second = new_entry(hand_out=2, task_id=first.task_id)

    assert await claim(queue, attempt_at(first))
    assert not await claim(queue, attempt_at(first))
    assert await claim(queue, attempt_at(second))
    assert not await claim(queue, attempt_at(first))


async def test_a_lease_says_how_far_its_attempt_is_and_expires(queue: TaskQueue) -> None:
    attempt = attempt_at(new_entry())
    await claim(queue, attempt)
    update = LeaseUpdate(
        attempt, LeaseState.DONE, progress=(3.0, 4.0), outcome=Outcome(Failure("code", "text"))
    )

    assert await queue.renew([update]) == [Renewal.KEPT]

    lease = (await queue.leases([attempt.task_id]))[attempt.task_id]
    assert (lease.hand_out, lease.token, lease.instance) == (1, attempt.token, "engine-1")
    assert (lease.state, lease.progress) == (LeaseState.DONE, (3.0, 4.0))
    assert lease.outcome == Outcome(Failure("code", "text"))
    remaining = await queue.redis.pttl(lease_key(attempt.task_id))
    assert 0 < remaining <= 1000 * LEASE_SECONDS


async def test_a_lease_that_redis_forgot_is_recreated_by_its_holder(queue: TaskQueue) -> None:
    attempt = attempt_at(new_entry())
    await claim(queue, attempt)
    await queue.redis.flushall()

    assert await queue.renew([LeaseUpdate(attempt, LeaseState.RUNNING)]) == [Renewal.RECREATED]
    assert await queue.renew([LeaseUpdate(attempt, LeaseState.RUNNING)]) == [Renewal.KEPT]


async def test_holders_of_a_closed_or_foreign_lease_are_told_to_stop(queue: TaskQueue) -> None:
    entry = new_entry(hand_out=1)
    ours, closed = attempt_at(entry), attempt_at(new_entry())
    await claim(queue, ours)
    await claim(queue, closed)
    await claim(queue, attempt_at(new_entry(2, entry.task_id)))
    await queue.tell(close=[(closed.task_id, closed.hand_out, closed.token)])

    updates = [LeaseUpdate(ours, LeaseState.RUNNING), LeaseUpdate(closed, LeaseState.RUNNING)]
    assert await queue.renew(updates) == [Renewal.CLOSED, Renewal.CLOSED]


async def test_closing_spares_another_attempt_but_not_an_older_hand_out(queue: TaskQueue) -> None:
    entry = new_entry(hand_out=2)
    attempt = attempt_at(entry)
    await claim(queue, attempt)
    running = [LeaseUpdate(attempt, LeaseState.RUNNING)]

    await queue.tell(close=[(entry.task_id, 2, "f" * 12), (entry.task_id, 1, attempt.token)])
    assert await queue.renew(running) == [Renewal.KEPT]
    await queue.tell(close=[(entry.task_id, 3, "f" * 12)])
    assert await queue.renew(running) == [Renewal.CLOSED]


async def test_closing_what_is_not_there_makes_nothing(queue: TaskQueue) -> None:
    await queue.tell(close=[(new_task_id(), 1, "f" * 12)])
    assert await queue.redis.keys("*") == []


async def test_a_withdrawn_task_is_neither_queued_nor_held(queue: TaskQueue) -> None:
    waiting, held = new_entry(), new_entry()
    attempt = attempt_at(held)
    await publish(queue, ENGINE, 9, [waiting])
    await claim(queue, attempt)

    await queue.withdraw(ENGINE, waiting.task_id)
    await queue.withdraw(ENGINE, held.task_id)

    assert await queue.redis.llen(queue_key(ENGINE)) == 0
    assert await queue.renew([LeaseUpdate(attempt, LeaseState.RUNNING)]) == [Renewal.CLOSED]


async def test_a_prefetched_task_that_is_handed_back_is_the_next_to_be_popped(
    queue: TaskQueue,
) -> None:
    entries = [new_entry(), new_entry()]
    await publish(queue, ENGINE, 9, entries)
    raw = await queue.pop(ENGINE, 1)
    assert raw is not None
    attempt = attempt_at(entries[0])
    await claim(queue, attempt)

    await queue.hand_back(attempt, raw, ENGINE)

    assert await queue.pop(ENGINE, 1) == raw
    assert await claim(queue, attempt_at(entries[0]))


async def test_redis_is_steady_only_since_it_was_last_wiped(
    queue: TaskQueue, deployment: Deployment
) -> None:
    assert await queue.steady_seconds() == 0
    now = int((await queue.redis.time())[0])
    await queue.redis.set(STEADY, now - 100, px=5000)
    assert await queue.steady_seconds() >= 100
    assert 0 < await queue.redis.pttl(STEADY) <= 5000
    deployment.redis().flushall()
    assert await queue.steady_seconds() == 0


async def test_redis_is_steady_again_soon_after_its_clock_was_set_back(queue: TaskQueue) -> None:
    now = int((await queue.redis.time())[0])
    await queue.redis.set(STEADY, now + 3600, px=5000)
    assert await queue.steady_seconds() == 0
    assert int(await queue.redis.get(STEADY) or 0) in range(now, now + 600)


async def test_live_instances_are_those_that_said_so_lately(queue: TaskQueue) -> None:
    one, two = (
        EngineInstance(instance=name, engine_id=ENGINE, slots=2, state="ready")
        for name in ("one", "two")
    )
    await queue.announce(one)
    await queue.announce(two)
    await queue.redis.delete(f"dalston:engine:{ENGINE}:two")

    assert await queue.instances([ENGINE, "other"]) == {ENGINE: [one], "other": []}
    await queue.leave(ENGINE, "one")
    assert await queue.instances([ENGINE]) == {ENGINE: []}


async def test_taking_drops_stale_entries_and_claims_the_rest_in_order(queue: TaskQueue) -> None:
    entries = [new_entry() for _ in range(5)]
    await publish(queue, ENGINE, 9, entries)
    stale = [entries[0], entries[2]]
    holders = [attempt_at(entry) for entry in stale]
    for holder in holders:
        await claim(queue, holder)
    tokens = [new_attempt_token() for _ in range(9)]

    taken = await queue.take(ENGINE, "engine-2", tokens)

    claimed = [entries[1], entries[3], entries[4]]
    assert [decode_entry(raw) for raw, _ in taken] == claimed
    assert [token for _, token in taken] == tokens[:3]
    leases = await queue.leases([entry.task_id for entry in entries])
    for entry, token in zip(claimed, tokens[:3], strict=True):
        lease = leases[entry.task_id]
        assert (lease.hand_out, lease.token, lease.instance) == (1, token, "engine-2")
        assert lease.state is LeaseState.PREFETCH
        assert 0 < await queue.redis.pttl(lease_key(entry.task_id)) <= 1000 * LEASE_SECONDS
    assert [leases[entry.task_id].token for entry in stale] == [one.token for one in holders]
    assert await queue.redis.llen(queue_key(ENGINE)) == 0


async def test_no_more_is_taken_than_there_are_tokens(queue: TaskQueue) -> None:
    entries = [new_entry() for _ in range(4)]
    await publish(queue, ENGINE, 9, entries)
    first = await queue.pop(ENGINE, 1)

    taken = await queue.take(ENGINE, "engine-2", ["a", "b"], first)

    assert [decode_entry(raw) for raw, _ in taken] == entries[:2]
    assert await queue.redis.llen(queue_key(ENGINE)) == 2
    assert await queue.take(ENGINE, "engine-2", []) == []


async def test_an_entry_that_can_not_be_read_is_taken_without_a_lease(queue: TaskQueue) -> None:
    known, newer = new_entry(), msgspec.structs.replace(new_entry(), v=99)
    await publish(queue, ENGINE, 9, [newer, known])
    await queue.redis.rpush(queue_key(ENGINE), b"no JSON")

    assert await queue.take(ENGINE, "engine-2", ["a", "b"]) == [(b"no JSON", None)]
    assert await queue.take(ENGINE, "engine-2", ["a", "b"]) == [(encode(newer), None)]
    assert await queue.leases([newer.task_id]) == {}
    assert await queue.take(ENGINE, "engine-2", ["a", "b"]) == [(encode(known), "a")]


async def test_a_later_hand_out_is_taken_from_whoever_holds_the_earlier(queue: TaskQueue) -> None:
    first = new_entry(hand_out=1)
    again = new_entry(hand_out=2, task_id=first.task_id)
    ours = attempt_at(first)
    await claim(queue, ours)
    await publish(queue, ENGINE, 9, [again])

    assert await queue.take(ENGINE, "engine-2", ["a"]) == [(encode(again), "a")]
    assert await queue.renew([LeaseUpdate(ours, LeaseState.RUNNING)]) == [Renewal.CLOSED]


async def test_an_unreadable_claim_goes_behind_all_others(queue: TaskQueue) -> None:
    entries = [new_entry(), new_entry()]
    await publish(queue, ENGINE, 9, entries)
    [(raw, token)] = await queue.take(ENGINE, "engine-2", ["a"])
    assert token == "a"
    attempt = msgspec.structs.replace(attempt_at(entries[0]), token=token)

    await queue.hand_back(attempt, raw, ENGINE, behind=True)

    assert [decode_entry(await queue.pop(ENGINE, 1) or b"") for _ in entries] == entries[::-1]


async def test_a_renewal_that_was_under_way_does_not_undo_an_outcome(queue: TaskQueue) -> None:
    attempt = attempt_at(new_entry())
    await claim(queue, attempt)
    done = LeaseUpdate(attempt, LeaseState.DONE, outcome=Outcome())
    await queue.renew([done])

    assert await queue.renew([LeaseUpdate(attempt, LeaseState.RUNNING)]) == [Renewal.KEPT]

    lease = (await queue.leases([attempt.task_id]))[attempt.task_id]
    assert (lease.state, lease.outcome) == (LeaseState.DONE, Outcome())


async def test_a_full_queue_marks_a_backlog_until_all_of_it_was_taken(queue: TaskQueue) -> None:
    entries = [new_entry() for _ in range(3)]
    assert await backlogged(queue, ENGINE, "other") == set()

    await publish(queue, ENGINE, 2, entries)
    assert await backlogged(queue, ENGINE, "other") == {ENGINE}
    assert 0 < await queue.redis.ttl(backlog_key(ENGINE)) <= 60

    await publish(queue, ENGINE, 9, entries[:1])
    assert await backlogged(queue, ENGINE) == {ENGINE}, "others may wait behind these"
    await publish(queue, ENGINE, 2, entries, complete=True)
    assert await backlogged(queue, ENGINE) == {ENGINE}, "one of them still waits"
    await publish(queue, ENGINE, 9, entries, complete=True)
    assert await backlogged(queue, ENGINE) == set()


async def test_no_ready_task_is_no_backlog(queue: TaskQueue) -> None:
    await publish(queue, ENGINE, 0, [new_entry()])
    assert await publish(queue, ENGINE, 0, [], complete=True) == []
    assert await backlogged(queue, ENGINE) == set()


async def test_everything_that_follows_a_commit_is_told_in_one_round_trip(
    queue: TaskQueue, deployment: Deployment
) -> None:
    ended, waiting = new_entry(), new_entry()
    attempt = attempt_at(ended)
    await publish(queue, ENGINE, 9, [ended])
    await queue.take(ENGINE, attempt.instance, [attempt.token])
    with deployment.redis() as client, client.pubsub() as listener:
        listener.subscribe(job_channel(ended.job_id))
        assert listener.get_message(timeout=5)
        # A server that has been restarted knows no script: it learns them on the way.
        client.script_flush()

        told = await queue.tell(
            close=[(ended.task_id, 1, attempt.token)],
            offers=[Offer(ENGINE, 1, [waiting, new_entry()]), Offer("other", 1, [new_entry()])],
            updates=[JobUpdated(ended.job_id, JobStatus.COMPLETED)],
            forget=[ended.job_id],
            check=[ENGINE, "other"],
        )

        heard = listener.get_message(ignore_subscribe_messages=True, timeout=5)
    assert told.published == [[Published.PUSHED, Published.FULL], [Published.PUSHED]]
    assert told.backlogged == {ENGINE}
    assert heard is not None
    assert b"job.updated" in heard["data"]
    assert await queue.renew([LeaseUpdate(attempt, LeaseState.RUNNING)]) == [Renewal.CLOSED]
    assert not await queue.redis.exists(job_tasks_key(ended.job_id))
    assert await queue.redis.smembers(job_tasks_key(waiting.job_id)) == {waiting.task_id.encode()}
    assert await queue.tell() == Told([], set())


async def test_what_comes_first_in_fair_order_goes_in_front(queue: TaskQueue) -> None:
    first, *others = [new_entry() for _ in range(4)]
    await publish(queue, ENGINE, 3, others)
    answers = await publish(queue, ENGINE, 3, [first, *others])

    assert answers == [
        Published.PUSHED,
        Published.QUEUED,
        Published.QUEUED,
        Published.FULL,
    ]
    popped = [await queue.pop(ENGINE, 1) for _ in range(3)]
    assert [decode_entry(raw or b"") for raw in popped] == [first, *others[:2]]
    assert await queue.pop(ENGINE, 0.01) is None
    assert await backlogged(queue, ENGINE) == {ENGINE}


async def test_what_is_in_the_queue_and_not_offered_keeps_its_place(queue: TaskQueue) -> None:
    other, second, first = [new_entry() for _ in range(3)]
    await publish(queue, ENGINE, 3, [other, second])
    await publish(queue, ENGINE, 3, [first, second])

    popped = [await queue.pop(ENGINE, 1) for _ in range(3)]
    assert [decode_entry(raw or b"") for raw in popped] == [other, first, second]
