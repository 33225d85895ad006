"""Events: a stream for the orchestrators, pub/sub for whoever listens. Both are hints."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dalston.common.messages import Event, JobUpdated, decode_event, encode
from dalston.common.redis import EVENT_GROUP, EVENTS, job_channel

STREAM_LENGTH = 100_000
"""Events that the stream keeps, about."""
BATCH = 256
"""Events that are read at a time."""


class EventBus:
    """Sends and reads events."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def emit(self, events: Sequence[Event]) -> None:
        """Append events to the stream and tell the listeners."""
        if not events:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for event in events:
                data = encode(event)
                pipe.xadd(EVENTS, {"data": data}, maxlen=STREAM_LENGTH, approximate=True)
                pipe.publish(EVENTS, data)
                pipe.publish(job_channel(event.job_id), data)
            await pipe.execute()

    async def notify(self, updates: Sequence[JobUpdated]) -> None:
        """Tell listeners about changes that are committed already."""
        if not updates:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for update in updates:
                pipe.publish(job_channel(update.job_id), encode(update))
            await pipe.execute()

    async def read(self, consumer: str, wait_seconds: float) -> tuple[list[Event], int]:
        """Read the next events that no other orchestrator has read.

        Args:
            consumer: Name of this orchestrator.
            wait_seconds: How long to wait for the first one.

        Returns:
            The events, and how many others were dropped because nobody here knows them.
        """
        try:
            answer = await self._redis.xreadgroup(
                EVENT_GROUP,
                consumer,
                {EVENTS: ">"},
                count=BATCH,
                block=max(1, int(wait_seconds * 1000)),
                noack=True,
            )
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._create_group()
            return [], 0
        fields = [entry[1] for entry in _entries(answer)]
        decoded = [decode_event(entry.get(b"data", b"")) for entry in fields]
        known = [event for event in decoded if event is not None]
        return known, len(decoded) - len(known)

    async def leave(self, consumer: str) -> None:
        """Remove an orchestrator that ends from the group."""
        await self._redis.xgroup_delconsumer(EVENTS, EVENT_GROUP, consumer)

    async def _create_group(self) -> None:
        # From the beginning: what was sent while no group existed is read too, and the guards
        # refuse what has been handled before.
        try:
            await self._redis.xgroup_create(EVENTS, EVENT_GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _entries(answer: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of one stream from either shape of the client's answer."""
    if isinstance(answer, dict):
        return [entry for batches in answer.values() for batch in batches for entry in batch]
    if isinstance(answer, list):
        return [entry for _name, entries in answer for entry in entries]
    return []
