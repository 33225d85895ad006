"""Offers tasks to a queue and claims them, as orchestrators and runners do."""

from __future__ import annotations

from collections.abc import Sequence

from dalston.common.messages import Attempt, QueueEntry, encode
from dalston.common.queue import Offer, Published, TaskQueue


async def publish(
    queue: TaskQueue,
    engine_id: str,
    window: int,
    entries: Sequence[QueueEntry],
    *,
    complete: bool = False,
) -> list[Published]:
    """Make one offer; the arguments are those of `Offer`."""
    told = await queue.tell(offers=[Offer(engine_id, window, entries, complete)])
    return told.published[0]


async def backlogged(queue: TaskQueue, *engine_ids: str) -> set[str]:
    """Return those engines with more ready tasks than their queue could take."""
    return (await queue.tell(check=engine_ids)).backlogged


async def claim(queue: TaskQueue, attempt: Attempt) -> bool:
    """Take the lease for an entry that has been popped; tell whether it was not stale."""
    entry = QueueEntry(
        task_id=attempt.task_id,
        hand_out=attempt.hand_out,
        job_id=attempt.job_id,
        engine_id="of-an-empty-queue",
        stage="",
        audio="",
        audio_bytes=0,
        inputs={},
        config={},
    )
    tokens = [attempt.token]
    return bool(await queue.take(entry.engine_id, attempt.instance, tokens, encode(entry)))
