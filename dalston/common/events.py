"""Events: a stream for the orchestrators, pub/sub for whoever listens. Both are hints."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dalston.common.leases import LEASE_MS, LeaseUpdate
from dalston.common.messages import Event, JobUpdated, decode_event, decode_update, encode
from dalston.common.redis import EVENT_GROUP, EVENTS, job_channel, lease_key
from dalston.common.scripts import Scripts

STREAM_LENGTH = 100_000
"""Events that the stream keeps, about."""
BATCH = 256
"""Events that are read, or sent, at a time."""
GATHER_SECONDS = 0.01
"""For how long a busy process waits for more events: many together cost little more than one."""
_BUSY_EVENTS = 8
"""So many that were read at once are a sign that more are on their way."""
_NO_LEASE = ("", "", "", "", "", "")


class _Posted(NamedTuple):
    """An event that waits to be sent, and what its attempt's lease shall say before that."""

    event: Event
    update: LeaseUpdate | None
    sent: asyncio.Future[None]


class EventBus:
    """Sends and reads events.

    What is posted while one round trip is under way goes together in the next, with what comes
    within a few milliseconds more: the busier a process is, the less each event costs. Reading is
    likewise. An event that comes alone waits for nothing.

    Args:
        redis: The server.
        gather_seconds: For how long events that have to wait anyway wait for others.
    """

    def __init__(self, redis: Redis, gather_seconds: float = GATHER_SECONDS) -> None:
        self._redis = redis
        self._gather_seconds = gather_seconds
        self._busy = False
        self._scripts = Scripts(redis)
        self._posted: deque[_Posted] = deque()
        self._sending: asyncio.Task[None] | None = None

    def post(self, event: Event, update: LeaseUpdate | None = None) -> asyncio.Future[None]:
        """Send an event soon, after all that were posted before.

        Args:
            event: Goes to the stream and to the listeners.
            update: What the lease of the event's attempt says from then on, if it is still that
                attempt's: it is written first.

        Returns:
            Done once it has been sent; carries the error of Redis if it could not be.
        """
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._posted.append(_Posted(event, update, sent))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return sent

    async def emit(self, events: Sequence[Event]) -> None:
        """Append events to the stream and tell the listeners."""
        if events:
            await asyncio.gather(*(self.post(event) for event in events))

    async def _send(self) -> None:
        try:
            while self._posted:
                count = min(len(self._posted), BATCH)
                await self._send_together([self._posted.popleft() for _ in range(count)])
                if 0 < len(self._posted) < BATCH:
                    await asyncio.sleep(self._gather_seconds)
        finally:
            self._sending = None

    async def _send_together(self, batch: Sequence[_Posted]) -> None:
        try:
            await self._scripts.run("report", *_report(batch))
        except BaseException as error:
            if isinstance(error, ResponseError) and len(batch) > 1:
                # One that Redis refuses must not keep the others from being heard.
                for posted in batch:
                    await self._send_together([posted])
                return
            for posted in batch:
                if not posted.sent.done():
                    posted.sent.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for posted in batch:
                if not posted.sent.done():
                    posted.sent.set_result(None)

    def listener(self) -> JobListener:
        """Return a new ear for what is told of some jobs."""
        return JobListener(self._redis)

    async def read(self, consumer: str, wait_seconds: float) -> tuple[list[Event], int]:
        """Read the next events that no other orchestrator has read.

        Args:
            consumer: Name of this orchestrator.
            wait_seconds: How long to wait for the first one.

        Returns:
            The events, and how many others were dropped because nobody here knows them.
        """
        if self._busy:
            await asyncio.sleep(self._gather_seconds)
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
        self._busy = _BUSY_EVENTS <= len(fields) < BATCH
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


class JobListener:
    """Hears that jobs have changed. What it hears is a hint, and may be missed.

    Args:
        redis: Gets a connection of its own at the first job that is listened for.
    """

    def __init__(self, redis: Redis) -> None:
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._connecting = asyncio.Lock()

    async def add(self, job_id: str) -> None:
        """Listen for a job too."""
        # Two first subscriptions at once would each make a connection, and one would be forgotten.
        async with self._connecting:
            await self._pubsub.subscribe(job_channel(job_id))

    async def remove(self, job_id: str) -> None:
        """Listen for a job no more."""
        await self._pubsub.unsubscribe(job_channel(job_id))

    async def heard(self, seconds: float) -> JobUpdated | None:
        """Return the next change of a job's status, or None if none is heard in time."""
        message = await self._pubsub.get_message(timeout=seconds)
        return None if message is None else decode_update(message["data"])

    async def close(self) -> None:
        """Give the connection back."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]


def _report(batch: Sequence[_Posted]) -> tuple[list[str], list[Any]]:
    """Return keys and arguments of the script that sends a batch."""
    keys = [EVENTS]
    arguments: list[Any] = [LEASE_MS, STREAM_LENGTH]
    for event, update, _ in batch:
        keys.append("" if update is None else lease_key(update.attempt.task_id))
        arguments += (encode(event), job_channel(event.job_id))
        arguments += _NO_LEASE if update is None else update.fields()
    return keys, arguments


def _entries(answer: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of one stream from either shape of the client's answer."""
    if isinstance(answer, dict):
        return [entry for batches in answer.values() for batch in batches for entry in batch]
    if isinstance(answer, list):
        return [entry for _name, entries in answer for entry in entries]
    return []
