"""Keeps each engine's queue filled from the database, in fair order, up to its window.

The backlog waits in the database. A queue holds as many entries as the engine has live slots,
two more, and what the engine does in a quarter of a second: so a long recording can't stand in
front of a short one in Redis, and an engine of quick tasks doesn't wait for each of them.

An engine that waits for others rather than computes is shared (`needs.slots` in its engine.yaml):
of what its queue and its slots hold, one owner has as many as there are slots, but for one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from dalston.common.leases import Lease, LeaseState
from dalston.common.messages import (
    Attempt,
    Event,
    QueueEntry,
    TaskCompleted,
    TaskErrored,
    TaskStarted,
)
from dalston.common.queue import EngineInstance, Offer, Published, TaskQueue
from dalston.db.entries import ready_entries, shared_entries
from dalston.db.session import Database
from dalston.db.statements import Connection
from dalston.db.work import RunningTask
from dalston.orchestrator.batches import Effects

SPARE_ENTRIES = 2
"""Entries in a queue beyond the engine's live slots, so that no slot waits for a hand-out."""
WINDOW_SECONDS = 0.25
"""What a quick engine does in this time may wait in its queue as well."""
SLOT_ENTRIES = 64
"""Entries in a queue for each slot at most, however quick the engine is."""
_INSTANCES_SECONDS = 1.0
"""For how long what the engine instances say about themselves is believed."""
_Kind = TypeVar("_Kind", bound=Attempt)


class Scheduler:
    """Publishes ready tasks. Any number of orchestrators may do so at once.

    Args:
        database: Where they are.
        queue: Where they go.
        shared: Ids of the engines that no owner may have all slots of.
    """

    def __init__(
        self, database: Database, queue: TaskQueue, shared: Collection[str] = frozenset()
    ) -> None:
        self._database = database
        self._queue = queue
        self._shared = frozenset(shared)
        self._instances: dict[str, tuple[float, list[EngineInstance]]] = {}
        self._backlogged: set[str] = set()

    async def tell(self, effects: Effects) -> None:
        """Tell everybody what has been committed, and fill the queues that it concerns.

        What has become ready is offered as it is. The database is asked only for engines whose
        queue could not take all that was ready, now or when it was last offered something.
        """
        new: dict[str, list[QueueEntry]] = {}
        for entry in effects.publish:
            new.setdefault(entry.engine_id, []).append(entry)
        ask = effects.fill | (self._backlogged & new.keys())
        # Only the database knows what each owner has of them.
        ask |= self._shared & (new.keys() | effects.room)
        await self._look_at_instances(new.keys() | ask)
        direct = new.keys() - ask
        check = (direct | effects.room) - ask
        told = await self._queue.tell(
            close=effects.close,
            offers=[self._offer(name, new[name]) for name in sorted(direct)],
            updates=effects.updates(),
            forget=list(effects.ended),
            check=check,
        )
        self._backlogged = (self._backlogged - check) | told.backlogged
        await self.fill(ask | told.backlogged)

    def _offer(self, engine_id: str, entries: Sequence[QueueEntry]) -> Offer:
        # One more than there can be room for, so that the queue is known to be full.
        window = self._window(engine_id)
        return Offer(engine_id, window, entries[: window + 1])

    async def fill(self, engine_ids: Iterable[str]) -> None:
        """Fill the queues of some engines from the database."""
        await self._fill(engine_ids)

    async def fill_and_look(self, engine_ids: Iterable[str]) -> list[Event]:
        """Fill queues, and find attempts that have begun or ended without our hearing of it.

        Returns:
            The events that should have come.
        """
        leased = await self._fill(engine_ids)
        leases = await self._queue.leases([entry.task_id for entry in leased])
        overheard = [_overheard(entry, leases.get(entry.task_id)) for entry in leased]
        return [event for event in overheard if event is not None]

    async def _fill(self, engine_ids: Iterable[str]) -> list[QueueEntry]:
        """Fill queues and return the entries that somebody has claimed already."""
        names = sorted(engine_ids)
        if not names:
            return []
        await self._look_at_instances(names)
        async with self._database.read() as connection:
            offers = [await self._offer_of_ready(connection, name) for name in names]
        told = await self._queue.tell(offers=offers, check=names)
        self._backlogged = (self._backlogged - set(names)) | told.backlogged
        pairs = [
            (entry, answer)
            for offer, answers in zip(offers, told.published, strict=True)
            for entry, answer in zip(offer.entries, answers, strict=True)
        ]
        return [entry for entry, answer in pairs if answer is Published.LEASED]

    async def _offer_of_ready(self, connection: Connection, engine_id: str) -> Offer:
        window = self._window(engine_id)
        # Ready rows that are claimed already stand in front: as many again, and the one that
        # each slot works on.
        limit = 2 * window + self._slots(engine_id)
        if engine_id not in self._shared:
            entries = await ready_entries(connection, engine_id, limit)
            return Offer(engine_id, window, entries, len(entries) < limit)
        share = max(1, self._slots(engine_id) - 1)
        return Offer(engine_id, window, await shared_entries(connection, engine_id, limit, share))

    async def _look_at_instances(self, engine_ids: Iterable[str]) -> None:
        now = time.monotonic()
        old = [
            name
            for name in engine_ids
            if name not in self._instances or now - self._instances[name][0] >= _INSTANCES_SECONDS
        ]
        if old:
            found = await self._queue.instances(old)
            self._instances |= {name: (now, instances) for name, instances in found.items()}

    def _slots(self, engine_id: str) -> int:
        return sum(instance.slots for instance in self._instances[engine_id][1])

    def _window(self, engine_id: str) -> int:
        """Return how many entries an engine's queue may hold."""
        quick = sum(
            instance.slots * min(SLOT_ENTRIES, int(instance.pace * WINDOW_SECONDS))
            for instance in self._instances[engine_id][1]
        )
        return self._slots(engine_id) + SPARE_ENTRIES + quick


def _overheard(entry: QueueEntry, lease: Lease | None) -> Event | None:
    if lease is None or lease.hand_out != entry.hand_out:
        return None
    attempt = Attempt(
        job_id=entry.job_id,
        task_id=entry.task_id,
        hand_out=lease.hand_out,
        token=lease.token,
        instance=lease.instance,
    )
    if lease.outcome is not None and lease.state is not LeaseState.CLOSED:
        return outcome_event(attempt, lease, entry)
    return as_event(TaskStarted, attempt) if lease.state is LeaseState.RUNNING else None


def outcome_event(attempt: Attempt, lease: Lease, task: QueueEntry | RunningTask) -> Event | None:
    """Return the event that an outcome in a lease stands for."""
    if lease.outcome is None:
        return None
    if lease.outcome.error is None:
        small = lease.outcome.output is not None
        return as_event(TaskCompleted, attempt, final=task.final, expands=task.expands, small=small)
    return as_event(TaskErrored, attempt, error=lease.outcome.error)


def as_event(kind: type[_Kind], attempt: Attempt, **more: object) -> _Kind:
    """Return an event of a kind about an attempt."""
    return kind(
        job_id=attempt.job_id,
        task_id=attempt.task_id,
        hand_out=attempt.hand_out,
        token=attempt.token,
        instance=attempt.instance,
        **more,
    )
