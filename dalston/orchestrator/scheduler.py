"""Keeps each engine's queue filled from the database, in fair order, up to its window.

The backlog waits in the database. A queue holds as many entries as the engine has live slots,
and two more, so a long recording can't stand in front of a short one in Redis.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TypeVar

import structlog

from dalston.common.messages import (
    Attempt,
    Event,
    QueueEntry,
    TaskCompleted,
    TaskErrored,
    TaskStarted,
)
from dalston.common.queue import Lease, LeaseState, Published, TaskQueue
from dalston.db import work
from dalston.db.session import Database

log = structlog.get_logger(__name__)

SPARE_ENTRIES = 2
"""Entries in a queue beyond the engine's live slots, so that no slot waits for a hand-out."""
_Kind = TypeVar("_Kind", bound=Attempt)
_SLOTS_SECONDS = 1.0
"""For how long a count of live slots is believed."""


class Scheduler:
    """Publishes ready tasks. Any number of orchestrators may do so at once."""

    def __init__(self, database: Database, queue: TaskQueue) -> None:
        self._database = database
        self._queue = queue
        self._slots: dict[str, tuple[float, int]] = {}

    async def fill(self, engine_ids: Iterable[str]) -> None:
        """Fill the queues of some engines."""
        for engine_id in sorted(engine_ids):
            await self._fill_one(engine_id)

    async def fill_and_look(self, engine_ids: Iterable[str]) -> list[Event]:
        """Fill queues, and find attempts that have begun or ended without our hearing of it.

        Returns:
            The events that should have come.
        """
        overheard: list[Event] = []
        for engine_id in sorted(engine_ids):
            leased = await self._fill_one(engine_id)
            leases = await self._queue.leases([entry.task_id for entry in leased])
            for entry in leased:
                event = _overheard(entry, leases.get(entry.task_id))
                overheard += [] if event is None else [event]
        return overheard

    async def _fill_one(self, engine_id: str) -> list[QueueEntry]:
        slots = await self._live_slots(engine_id)
        window = slots + SPARE_ENTRIES
        # Ready rows that are claimed already, or being prefetched, stand in front: two a slot.
        limit = window + 2 * slots
        async with self._database.read() as connection:
            entries = await work.ready_entries(connection, engine_id, limit)
        answers = await self._queue.publish(engine_id, window, entries)
        pairs = list(zip(entries, answers, strict=True))
        for entry, answer in pairs:
            if answer is Published.PUSHED:
                log.debug(
                    "task_published",
                    job_id=entry.job_id,
                    task_id=entry.task_id,
                    attempt=entry.hand_out,
                    engine_id=engine_id,
                )
        return [entry for entry, answer in pairs if answer is Published.LEASED]

    async def _live_slots(self, engine_id: str) -> int:
        now = time.monotonic()
        counted_at, slots = self._slots.get(engine_id, (-_SLOTS_SECONDS, 0))
        if now - counted_at >= _SLOTS_SECONDS:
            found = await self._queue.instances([engine_id])
            slots = sum(instance.slots for instance in found[engine_id])
            self._slots[engine_id] = (now, slots)
        return slots


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
        return outcome_event(attempt, lease)
    return as_event(TaskStarted, attempt) if lease.state is LeaseState.RUNNING else None


def outcome_event(attempt: Attempt, lease: Lease) -> Event | None:
    """Return the event that an outcome in a lease stands for."""
    if lease.outcome is None:
        return None
    if lease.outcome.error is None:
        return as_event(TaskCompleted, attempt)
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
