"""Keeps a runner's leases alive, and tells it when one has been closed.

One loop for all attempts of a runner: each second it renews every lease in one call, with the
progress and the outcome of each. What Redis lost is said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from dalston.common.events import EventBus
from dalston.common.messages import Attempt, Event, TaskCompleted, TaskErrored
from dalston.common.queue import (
    RENEW_SECONDS,
    EngineInstance,
    LeaseState,
    LeaseUpdate,
    Outcome,
    Renewal,
    TaskQueue,
)

log = structlog.get_logger(__name__)

REPORT_SECONDS = 60.0
"""For how long an outcome is reported; after that the sweep finds its object in the store."""


class HeldLease:
    """One attempt that this runner is responsible for."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.state = LeaseState.PREFETCH
        self.progress: tuple[float, float] | None = None
        self.outcome: Outcome | None = None
        self.said: Event | None = None
        """The last event about it: said again when Redis has forgotten."""
        self.unsaid = False
        self.closed = asyncio.Event()
        self.report_until: float | None = None

    def update(self) -> LeaseUpdate:
        """Return what a renewal says."""
        return LeaseUpdate(self.attempt, self.state, self.progress, self.outcome)


class LeaseKeeper:
    """The leases of one runner.

    Args:
        announcement: What the engine instance says about itself, with each renewal.
    """

    def __init__(self, queue: TaskQueue, events: EventBus, announcement: EngineInstance) -> None:
        self._queue = queue
        self._events = events
        self._held: dict[str, HeldLease] = {}
        self.announcement = announcement
        self.renewing = asyncio.Lock()
        """Held during a renewal, so that nobody gives up a lease that is being renewed."""

    def hold(self, attempt: Attempt) -> HeldLease:
        """Begin to renew the lease of an attempt that has just been claimed."""
        lease = HeldLease(attempt)
        self._held[attempt.token] = lease
        return lease

    def drop(self, lease: HeldLease) -> None:
        """Stop renewing a lease."""
        self._held.pop(lease.attempt.token, None)

    async def say(self, lease: HeldLease, event: Event) -> None:
        """Send an event about an attempt; what can't be sent now goes with a later renewal."""
        lease.said = event
        if isinstance(event, TaskCompleted | TaskErrored):
            error = event.error if isinstance(event, TaskErrored) else None
            lease.state, lease.outcome = LeaseState.DONE, Outcome(error)
            lease.report_until = asyncio.get_running_loop().time() + REPORT_SECONDS
        try:
            if lease.outcome is not None:
                await self._queue.renew([lease.update()])
            await self._events.emit([event])
        except (RedisError, OSError) as error:
            lease.unsaid = True
            log.warning("redis_unavailable", reason=repr(error))

    async def run(self) -> None:
        """Renew and announce until cancelled."""
        while True:
            try:
                await self._queue.announce(self.announcement)
                async with self.renewing:
                    await self._renew()
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=repr(error))
            except Exception:
                # Without this loop every lease ends: nothing may end it.
                log.exception("renewal_failed")
            await asyncio.sleep(RENEW_SECONDS)

    async def _renew(self) -> None:
        held = list(self._held.values())
        answers = await self._queue.renew([lease.update() for lease in held])
        now = asyncio.get_running_loop().time()
        repeat: list[HeldLease] = []
        for lease, answer in zip(held, answers, strict=True):
            if answer is Renewal.CLOSED:
                lease.closed.set()
                self.drop(lease)
            elif lease.report_until is not None and now > lease.report_until:
                self.drop(lease)
            elif answer is Renewal.RECREATED or lease.unsaid:
                repeat.append(lease)
        await self._say_again(repeat)

    async def _say_again(self, leases: Sequence[HeldLease]) -> None:
        await self._events.emit([lease.said for lease in leases if lease.said is not None])
        for lease in leases:
            lease.unsaid = False
