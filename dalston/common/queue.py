"""The hand-off of tasks to engines: publish, claim, lease, renew, close.

Redis holds hints only and may be wiped at any moment. Each rule that must hold between two
processes is one Lua script in `lua/`. `docs/walk.md` tells how they play together.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import resources
from typing import Any, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from dalston.common.messages import Attempt, QueueEntry, encode
from dalston.common.models import Failure
from dalston.common.redis import (
    STEADY,
    engine_key,
    instance_key,
    job_tasks_key,
    lease_key,
    queue_key,
)

LEASE_SECONDS = 15.0
"""A lease that nobody renews ends after this."""
RENEW_SECONDS = 1.0
"""How often a runner renews its leases."""
STEADY_SECONDS = 5.0
"""The mark of a steady Redis goes away when no sweep refreshes it for this long."""
JOB_TASKS_SECONDS = 24 * 3600
"""A job's set of tasks goes away after this, should nobody remove it."""

_LEASE_MS = int(LEASE_SECONDS * 1000)
_Value = TypeVar("_Value")


class LeaseState(StrEnum):
    """What the holder of a lease does with its task."""

    PREFETCH = "prefetch"
    """Fetches the input while another task still computes; the row stays ready."""
    RUNNING = "running"
    """Computes."""
    DONE = "done"
    """Has an outcome in the store and waits until an orchestrator has seen it."""
    CLOSED = "closed"
    """Ended by an orchestrator or a gateway: stop, nothing more will count."""


class Published(StrEnum):
    """What became of an entry that was offered to a queue."""

    PUSHED = "pushed"
    QUEUED = "queued"
    LEASED = "leased"
    FULL = "full"


class Renewal(StrEnum):
    """What became of a lease that its holder wanted to keep."""

    KEPT = "kept"
    RECREATED = "recreated"
    CLOSED = "closed"


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended; `error` is None when it succeeded."""

    error: Failure | None = None


class Lease(msgspec.Struct, frozen=True):
    """What Redis says about a task's current attempt."""

    hand_out: int
    token: str
    instance: str
    state: LeaseState
    progress: tuple[float, float] | None = None
    outcome: Outcome | None = None


class LeaseUpdate(msgspec.Struct, frozen=True):
    """What a runner says about an attempt when it renews the lease."""

    attempt: Attempt
    state: LeaseState
    progress: tuple[float, float] | None = None
    outcome: Outcome | None = None


class EngineInstance(msgspec.Struct, frozen=True):
    """What a live engine instance says about itself.

    Attributes:
        slots: How many tasks it works on at a time; 0 while it can't take any.
        state: `loading`, `ready` or `failed`.
        message: What it is loading, or why it failed.
        progress: Done and total of the loading, if known.
    """

    instance: str
    engine_id: str
    slots: int
    state: str
    message: str = ""
    progress: tuple[float, float] | None = None
    version: str = ""


_progress_decoder = msgspec.json.Decoder(tuple[float, float] | None)
_outcome_decoder = msgspec.json.Decoder(Outcome | None)
_instance_decoder = msgspec.json.Decoder(EngineInstance | None)


class TaskQueue:
    """The queues and leases of all engines."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._publish = self._script("publish")
        self._claim = self._script("claim")
        self._renew = self._script("renew")
        self._close = self._script("close")
        self._withdraw = self._script("withdraw")
        self._hand_back = self._script("hand_back")
        self._steady = self._script("steady")

    def _script(self, name: str) -> AsyncScript:
        source = resources.files("dalston.common").joinpath(f"lua/{name}.lua").read_text("utf-8")
        return self.redis.register_script(source)

    async def publish(
        self, engine_id: str, window: int, entries: Sequence[QueueEntry]
    ) -> list[Published]:
        """Offer entries to an engine's queue, which takes them up to its window.

        Args:
            engine_id: The engine.
            window: Entries that the queue may hold.
            entries: In the order in which they should be handed out.
        """
        if not entries:
            return []
        keys = [queue_key(engine_id), *(lease_key(entry.task_id) for entry in entries)]
        arguments: list[Any] = [window]
        for entry in entries:
            arguments += [entry.hand_out, encode(entry)]
        answers = [Published(_text(a)) for a in await self._publish(keys, arguments)]
        async with self.redis.pipeline(transaction=False) as pipe:
            for entry, answer in zip(entries, answers, strict=True):
                if answer is Published.PUSHED:
                    pipe.sadd(job_tasks_key(entry.job_id), entry.task_id)
                    pipe.expire(job_tasks_key(entry.job_id), JOB_TASKS_SECONDS)
            await pipe.execute()
        return answers

    async def pop(self, engine_id: str, wait_seconds: float) -> bytes | None:
        """Take the next entry of an engine's queue, as bytes, waiting for one for a while."""
        popped = await self.redis.brpop([queue_key(engine_id)], timeout=wait_seconds)
        return None if popped is None else _bytes(popped[1])

    async def put_back(self, engine_id: str, entry: bytes) -> None:
        """Return an entry that this version can't read, behind all others."""
        await self.redis.lpush(queue_key(engine_id), entry)

    async def claim(self, attempt: Attempt) -> bool:
        """Take the lease; False means that the entry is stale and must be dropped.

        The lease begins as `prefetch`: what has not been started can't be lost.
        """
        arguments: list[Any] = [attempt.hand_out, attempt.token, attempt.instance]
        arguments += [LeaseState.PREFETCH.value, _LEASE_MS]
        return bool(await self._claim([lease_key(attempt.task_id)], arguments))

    async def renew(self, updates: Sequence[LeaseUpdate]) -> list[Renewal]:
        """Renew many leases at once; the answers are in the same order."""
        if not updates:
            return []
        arguments: list[Any] = [_LEASE_MS]
        for update in updates:
            attempt = update.attempt
            arguments += [attempt.hand_out, attempt.token, attempt.instance, update.state.value]
            arguments += [msgspec.json.encode(update.progress), msgspec.json.encode(update.outcome)]
        keys = [lease_key(update.attempt.task_id) for update in updates]
        return [Renewal(_text(answer)) for answer in await self._renew(keys, arguments)]

    async def close(self, ended: Sequence[tuple[str, int, str]]) -> None:
        """End attempts: their runners read it at the next renewal and stop.

        Args:
            ended: Task id, hand-out and token of each; an empty token means any.
        """
        if not ended:
            return
        arguments: list[Any] = [_LEASE_MS]
        for _task_id, hand_out, token in ended:
            arguments += [hand_out, token]
        await self._close([lease_key(task_id) for task_id, _, _ in ended], arguments)

    async def withdraw(self, engine_id: str, task_id: str) -> None:
        """Take a task out of its queue and end its lease, whoever holds it."""
        await self._withdraw([queue_key(engine_id), lease_key(task_id)], [task_id, _LEASE_MS])

    async def hand_back(self, attempt: Attempt, entry: bytes, engine_id: str) -> None:
        """Give up a claim that nothing was started for."""
        keys = [lease_key(attempt.task_id), queue_key(engine_id)]
        await self._hand_back(keys, [attempt.token, entry])

    async def leases(self, task_ids: Sequence[str]) -> dict[str, Lease]:
        """Return the leases that exist, by task id."""
        if not task_ids:
            return {}
        async with self.redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(lease_key(task_id))
            found = await pipe.execute()
        pairs = zip(task_ids, found, strict=True)
        return {task_id: _lease(fields) for task_id, fields in pairs if fields}

    async def steady_seconds(self) -> float:
        """Return for how long Redis has been undisturbed, and keep that mark alive."""
        return float(await self._steady([STEADY], [int(STEADY_SECONDS * 1000)]))

    async def forget_jobs(self, job_ids: Sequence[str]) -> None:
        """Remove what Redis holds for people who look at a running job."""
        if job_ids:
            await self.redis.delete(*(job_tasks_key(job_id) for job_id in job_ids))

    async def announce(self, instance: EngineInstance) -> None:
        """Say that an engine instance lives; to be repeated each second."""
        key = engine_key(instance.engine_id)
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.set(
                instance_key(instance.engine_id, instance.instance),
                msgspec.json.encode(instance),
                px=_LEASE_MS,
            )
            pipe.sadd(key, instance.instance)
            pipe.pexpire(key, _LEASE_MS)
            await pipe.execute()

    async def leave(self, engine_id: str, instance: str) -> None:
        """Say that an engine instance has ended."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.delete(instance_key(engine_id, instance))
            pipe.srem(engine_key(engine_id), instance)
            await pipe.execute()

    async def instances(self, engine_ids: Sequence[str]) -> dict[str, list[EngineInstance]]:
        """Return the live instances of each engine."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for engine_id in engine_ids:
                pipe.smembers(engine_key(engine_id))
            members = [sorted(map(_text, names)) for names in await pipe.execute()]
        return {
            engine_id: await self._read_instances(engine_id, names)
            for engine_id, names in zip(engine_ids, members, strict=True)
        }

    async def _read_instances(self, engine_id: str, names: list[str]) -> list[EngineInstance]:
        if not names:
            return []
        values = await self.redis.mget([instance_key(engine_id, name) for name in names])
        gone = [name for name, value in zip(names, values, strict=True) if value is None]
        if gone:
            await self.redis.srem(engine_key(engine_id), *gone)
        found = [_decoded(value, _instance_decoder) for value in values]
        return [instance for instance in found if instance is not None]


def _lease(fields: dict[bytes, bytes]) -> Lease:
    return Lease(
        hand_out=int(fields[b"hand_out"]),
        token=fields[b"token"].decode(),
        instance=fields[b"instance"].decode(),
        state=LeaseState(fields[b"state"].decode()),
        progress=_decoded(fields.get(b"progress"), _progress_decoder),
        outcome=_decoded(fields.get(b"outcome"), _outcome_decoder),
    )


def _decoded(
    data: bytes | str | None, decoder: msgspec.json.Decoder[_Value | None]
) -> _Value | None:
    """Decode a field; one that can't be read is as good as none, and must stop nobody."""
    try:
        return None if data is None else decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
