"""Keeps a runner's leases alive, and tells it when one has been closed.

One loop for all attempts of a runner: each second it renews every lease in one call, with the
progress and the outcome of each. What Redis lost is said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from redis.exceptions import RedisError

from dalston.common.events import EventBus
from dalston.common.leases import RENEW_SECONDS, LeaseState, LeaseUpdate, Outcome, Renewal
from dalston.common.messages import Attempt, Event, TaskCompleted, TaskErrored, TaskReleased
from dalston.common.queue import EngineInstance, TaskQueue
from dalston.common.redis import in_words

log = structlog.get_logger(__name__)

REPORT_SECONDS = 60.0
"""For how long an outcome is reported; after that the sweep finds its object in the store."""


class HeldLease:
    """One attempt that this runner is responsible for.

    Attributes:
        closed: Done once nothing more will count.
        said: The last event about it: said again when Redis has forgotten.
        shown: Whether Redis has been told that the attempt computes.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.state = LeaseState.PREFETCH
        self.progress: tuple[float, float] | None = None
        self.outcome: Outcome | None = None
        self.said: Event | None = None
        self.unsaid = False
        self.shown = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.report_until: float | None = None

    def update(self) -> LeaseUpdate:
        """Return what a renewal says."""
        self.shown = self.shown or self.state is not LeaseState.PREFETCH
        return LeaseUpdate(self.attempt, self.state, self.progress, self.outcome)

    def close(self) -> None:
        """Note that nothing more will count."""
        if not self.closed.done():
            self.closed.set_result(None)


class LeaseKeeper:
    """The leases of one runner.

    Args:
        announcement: Returns what the engine instance says about itself, with each renewal.
    """

    def __init__(
        self, queue: TaskQueue, events: EventBus, announcement: Callable[[], EngineInstance]
    ) -> None:
        self._queue = queue
        self._events = events
        self._announcement = announcement
        self._held: dict[str, HeldLease] = {}
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

    def say(
        self, lease: HeldLease, event: Event, output: str | None = None
    ) -> asyncio.Future[None]:
        """Send an event about an attempt; what can't be sent now goes with a later renewal.

        Args:
            lease: The attempt's.
            event: What has happened.
            output: A small output, which the lease keeps until an orchestrator has it.

        Returns:
            Done when it has been sent, or when that has failed.
        """
        lease.said = event
        if isinstance(event, TaskCompleted | TaskErrored):
            error = event.error if isinstance(event, TaskErrored) else None
            lease.state, lease.outcome = LeaseState.DONE, Outcome(error, output)
            lease.report_until = asyncio.get_running_loop().time() + REPORT_SECONDS
        update = None if isinstance(event, TaskReleased) else lease.update()
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def note(sent: asyncio.Future[None]) -> None:
            error = None if sent.cancelled() else sent.exception()
            if error is not None:
                lease.unsaid = True
                log.warning("redis_unavailable", reason=in_words(error))
            if not tried.done():
                tried.set_result(None)

        self._events.post(event, update).add_done_callback(note)
        return tried

    def mention(self, event: Event) -> None:
        """Send an event that may get lost: what it says is said again in another way."""

        def note(sent: asyncio.Future[None]) -> None:
            if not sent.cancelled() and (error := sent.exception()) is not None:
                log.warning("redis_unavailable", reason=in_words(error))

        self._events.post(event).add_done_callback(note)

    async def announce(self) -> None:
        """Say at once what the engine instance is doing."""
        try:
            await self._queue.announce(self._announcement())
        except Exception as error:  # noqa: BLE001 - it is said again within a second
            log.debug("announcement_failed", reason=in_words(error))

    async def run(self) -> None:
        """Renew and announce until cancelled."""
        own = asyncio.current_task()
        # Not `while True`: before Python 3.12 `wait_for`, with which the client writes to Redis,
        # may swallow a cancellation.
        while own is not None and not own.cancelling():
            try:
                await self._queue.announce(self._announcement())
                async with self.renewing:
                    await self._renew()
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", reason=in_words(error))
            except Exception:
                # Without this loop every lease ends: nothing may end it.
                log.exception("renewal_failed")
            if not own.cancelling():
                await asyncio.sleep(RENEW_SECONDS)

    async def _renew(self) -> None:
        held = list(self._held.values())
        answers = await self._queue.renew([lease.update() for lease in held])
        now = asyncio.get_running_loop().time()
        repeat: list[HeldLease] = []
        for lease, answer in zip(held, answers, strict=True):
            if answer is Renewal.CLOSED:
                lease.close()
                self.drop(lease)
            elif lease.report_until is not None and now > lease.report_until:
                self.drop(lease)
            elif answer is Renewal.RECREATED or lease.unsaid:
                repeat.append(lease)
        await self._say_again(repeat)

    async def _say_again(self, leases: Sequence[HeldLease]) -> None:
        for lease in leases:
            lease.unsaid = False
        try:
            await self._events.emit([lease.said for lease in leases if lease.said is not None])
        except (RedisError, OSError):
            for lease in leases:
                lease.unsaid = True
            raise
