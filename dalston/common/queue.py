"""The hand-off of tasks to engines: publish, claim, lease, renew, close.

Redis holds hints only and may be wiped at any moment. Each rule that must hold between two
processes is one Lua script in `lua/`. `docs/walk.md` tells how they play together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from dalston.common.leases import (
    LEASE_MS,
    LEASE_SECONDS,
    RENEW_SECONDS,
    Lease,
    LeaseState,
    LeaseUpdate,
    Outcome,
    Renewal,
    decoded,
    read_lease,
)
from dalston.common.messages import SCHEMA_VERSION, Attempt, JobUpdated, QueueEntry, encode
from dalston.common.redis import (
    LEASES,
    STEADY,
    backlog_key,
    engine_key,
    instance_key,
    job_channel,
    job_tasks_key,
    lease_key,
    queue_key,
)
from dalston.common.scripts import Command, Scripts

__all__ = [
    "LEASE_SECONDS",
    "RENEW_SECONDS",
    "EngineInstance",
    "Lease",
    "LeaseState",
    "LeaseUpdate",
    "Offer",
    "Outcome",
    "Published",
    "Renewal",
    "TaskQueue",
    "Told",
]

STEADY_SECONDS = 5.0
"""The mark of a steady Redis goes away when no sweep refreshes it for this long."""
JOB_TASKS_SECONDS = 24 * 3600
"""A job's set of tasks goes away after this, should nobody remove it."""
BACKLOG_SECONDS = 60
"""The mark of a backlog goes away when no full queue refreshes it for this long."""


class Published(StrEnum):
    """What became of an entry that was offered to a queue."""

    PUSHED = "pushed"
    QUEUED = "queued"
    LEASED = "leased"
    FULL = "full"


class Offer(NamedTuple):
    """Entries that are offered to an engine's queue, which takes them up to its window.

    Attributes:
        engine_id: The engine.
        window: Entries that the queue may hold.
        entries: In the order in which they should be handed out.
        complete: Whether these are all ready tasks of the engine: if the queue takes them all,
            nothing waits outside of it.
    """

    engine_id: str
    window: int
    entries: Sequence[QueueEntry]
    complete: bool = False


class Told(msgspec.Struct, frozen=True):
    """What `TaskQueue.tell` found out.

    Attributes:
        published: For each offer, what became of its entries.
        backlogged: Of the engines that were asked about, those with more ready tasks than their
            queue could take.
    """

    published: list[list[Published]]
    backlogged: set[str]


class EngineInstance(msgspec.Struct, frozen=True):
    """What a live engine instance says about itself.

    Attributes:
        slots: How many tasks it works on at a time; 0 while it can't take any.
        state: `loading`, `ready`, `idle` (its model is loaded for the next task) or `failed`.
        message: What it is loading, or why it failed.
        progress: Done and total of the loading, if known.
        pace: Tasks that one slot could do in a second, by how long the last ones took; 0 while
            that isn't known.
        code: Why it failed, for programs.
        model: The model that its settings name; empty if it has no such setting.
        models: Names of the models that are on its machine; None if it doesn't tell.
    """

    instance: str
    engine_id: str
    slots: int
    state: str
    message: str = ""
    progress: tuple[float, float] | None = None
    version: str = ""
    pace: float = 0.0
    code: str = ""
    model: str = ""
    models: list[str] | None = None


_instance_decoder = msgspec.json.Decoder(EngineInstance | None)


class TaskQueue:
    """The queues and leases of all engines."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._scripts = Scripts(redis)

    async def tell(
        self,
        *,
        close: Sequence[tuple[str, int, str]] = (),
        offers: Sequence[Offer] = (),
        updates: Sequence[JobUpdated] = (),
        forget: Sequence[str] = (),
        check: Iterable[str] = (),
    ) -> Told:
        """Tell everybody what has been committed, in one round trip.

        Args:
            close: Attempts that are ended: task id, hand-out and token of each; an empty token
                means any. Their runners read it at the next renewal and stop.
            offers: What the queues of some engines should take.
            updates: What listeners of jobs should hear.
            forget: Ids of jobs that have ended: what people see of a running one is removed.
            check: Engines whose backlog is asked about, after the offers.
        """
        engines = sorted(set(check))
        commands = self._closing(close)
        first = len(commands)
        commands += [self._publishing(offer) for offer in offers]
        commands += [("PUBLISH", job_channel(update.job_id), encode(update)) for update in updates]
        if forget:
            commands.append(("DEL", *(job_tasks_key(job_id) for job_id in forget)))
        if engines:
            commands.append(("MGET", *(backlog_key(engine_id) for engine_id in engines)))
        answers = await self._scripts.run_all(commands)
        published = [
            [Published(_text(answer)) for answer in of_one]
            for of_one in islice(answers, first, first + len(offers))
        ]
        marks = answers[-1] if engines else []
        pairs = zip(engines, marks, strict=True)
        return Told(published, {engine_id for engine_id, mark in pairs if mark is not None})

    def _publishing(self, offer: Offer) -> Command:
        keys = [queue_key(offer.engine_id), backlog_key(offer.engine_id)]
        arguments: list[Any] = [
            offer.window,
            int(offer.complete),
            BACKLOG_SECONDS,
            JOB_TASKS_SECONDS,
        ]
        for entry in offer.entries:
            keys += [lease_key(entry.task_id), job_tasks_key(entry.job_id)]
            arguments += [entry.hand_out, entry.task_id, encode(entry)]
        return self._scripts.command("publish", keys, arguments)

    async def pop(self, engine_id: str, wait_seconds: float) -> bytes | None:
        """Take the next entry of an engine's queue, as bytes, waiting for one for a while."""
        popped = await self.redis.brpop([queue_key(engine_id)], timeout=wait_seconds)
        return None if popped is None else _bytes(popped[1])

    async def has_entry(self, engine_id: str, wait_seconds: float) -> bool:
        """Tell whether an entry waits for an engine, waiting for one for a while.

        The entry stays where it is, for whoever is ready to claim it.
        """
        key = queue_key(engine_id)
        seconds: Any = wait_seconds  # Redis takes fractions of them, whatever the client declares
        return await self.redis.blmove(key, key, seconds, "RIGHT", "RIGHT") is not None

    async def length(self, engine_id: str) -> int:
        """Return how many entries wait for an engine."""
        return int(await self.redis.llen(queue_key(engine_id)))

    async def put_back(self, engine_id: str, entry: bytes) -> None:
        """Return an entry that this version can't read, behind all others."""
        await self.redis.lpush(queue_key(engine_id), entry)

    async def take(
        self, engine_id: str, instance: str, tokens: Sequence[str], first: bytes | None = None
    ) -> list[tuple[bytes, str | None]]:
        """Pop entries and take the lease of each, without waiting; stale ones are dropped.

        A lease begins as `prefetch`: what has not been started can't be lost.

        Args:
            engine_id: The engine.
            instance: The engine instance that takes them.
            tokens: Minted for this call: as many entries are taken at most.
            first: An entry that has been popped already, to be taken before all others.

        Returns:
            Each entry with the token that its lease carries. One without a token can't be read
            by this version; nothing behind it has been taken, and it must be put back.
        """
        if not tokens:
            return []
        arguments: list[Any] = [LEASES, SCHEMA_VERSION, instance, LeaseState.PREFETCH.value]
        arguments += [LEASE_MS, first or b"", *tokens]
        flat = await self._scripts.run("take", [queue_key(engine_id)], arguments)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [(_bytes(entry), _text(token) or None) for entry, token in pairs]

    async def renew(self, updates: Sequence[LeaseUpdate]) -> list[Renewal]:
        """Renew many leases at once; the answers are in the same order."""
        if not updates:
            return []
        arguments: list[Any] = [LEASE_MS]
        for update in updates:
            arguments += update.fields()
        keys = [lease_key(update.attempt.task_id) for update in updates]
        answers = await self._scripts.run("renew", keys, arguments)
        return [Renewal(_text(answer)) for answer in answers]

    def _closing(self, ended: Sequence[tuple[str, int, str]]) -> list[Command]:
        if not ended:
            return []
        arguments: list[Any] = [LEASE_MS]
        for _task_id, hand_out, token in ended:
            arguments += [hand_out, token]
        keys = [lease_key(task_id) for task_id, _, _ in ended]
        return [self._scripts.command("close", keys, arguments)]

    async def withdraw(self, engine_id: str, task_id: str) -> None:
        """Take a task out of its queue and end its lease, whoever holds it."""
        keys = [queue_key(engine_id), lease_key(task_id)]
        await self._scripts.run("withdraw", keys, [task_id, LEASE_MS])

    async def hand_back(
        self, attempt: Attempt, entry: bytes, engine_id: str, *, behind: bool = False
    ) -> None:
        """Give up a claim that nothing was started for.

        Args:
            attempt: The claim.
            entry: What was popped.
            engine_id: The engine from whose queue it was popped.
            behind: Whether the entry goes behind all others, instead of being the next.
        """
        keys = [lease_key(attempt.task_id), queue_key(engine_id)]
        side = "LPUSH" if behind else "RPUSH"
        await self._scripts.run("hand_back", keys, [attempt.token, entry, side])

    async def leases(self, task_ids: Sequence[str]) -> dict[str, Lease]:
        """Return the leases that exist, by task id."""
        if not task_ids:
            return {}
        async with self.redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(lease_key(task_id))
            found = await pipe.execute()
        pairs = zip(task_ids, found, strict=True)
        return {task_id: read_lease(fields) for task_id, fields in pairs if fields}

    async def steady_seconds(self) -> float:
        """Return for how long Redis has been undisturbed, and keep that mark alive."""
        return float(await self._scripts.run("steady", [STEADY], [int(STEADY_SECONDS * 1000)]))

    async def announce(self, instance: EngineInstance) -> None:
        """Say that an engine instance lives; to be repeated each second."""
        key = engine_key(instance.engine_id)
        own = instance_key(instance.engine_id, instance.instance)
        commands: list[Command] = [
            ("SET", own, msgspec.json.encode(instance), "PX", LEASE_MS),
            ("SADD", key, instance.instance),
            ("PEXPIRE", key, LEASE_MS),
        ]
        await self._scripts.run_all(commands)

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
        named = dict(zip(engine_ids, members, strict=True))
        pairs = [(engine_id, name) for engine_id, names in named.items() for name in names]
        if not pairs:
            return {engine_id: [] for engine_id in engine_ids}
        values = await self.redis.mget([instance_key(*pair) for pair in pairs])
        found: dict[str, list[EngineInstance]] = {engine_id: [] for engine_id in engine_ids}
        gone: list[Command] = []
        for (engine_id, name), value in zip(pairs, values, strict=True):
            if value is None:
                gone.append(("SREM", engine_key(engine_id), name))
            instance = decoded(value, _instance_decoder)
            if instance is not None:
                found[engine_id].append(instance)
        await self._scripts.run_all(gone)
        return found


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
