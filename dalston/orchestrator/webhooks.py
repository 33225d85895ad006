"""Tells receivers of the ends of jobs, from the outbox. Any number of orchestrators may do it.

A message is sent at least once: a process that dies between a receiver's answer and the row leaves
the row to be claimed again, under the same id, by which the receiver knows it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import structlog

from dalston.common.errors import UnavailableError
from dalston.db import outbox
from dalston.db.outbox import Claimed
from dalston.orchestrator.parts import Parts

if TYPE_CHECKING:
    from dalston.orchestrator.calling import Caller

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
_AT_ONCE = 64
_OF_ONE_OWNER = 16
"""Calls at the same time: receivers that don't answer shall not hold up those of others."""
_LEASE_SECONDS = 30.0
"""How long, beyond the time that a call may take, the others wait for its outcome."""
_FIRST_PAUSE_SECONDS = 5.0
_PAUSE_FACTOR = 3
_LONGEST_PAUSE_SECONDS = 12 * 3600.0
_JITTER = (0.8, 1.2)
_CLOSE_SECONDS = 2.0


def pause_seconds(failures: int, jitter: float) -> float:
    """Return how long to wait before the next try.

    Args:
        failures: How many tries have failed before this one.
        jitter: A number near 1, so that what failed together isn't tried again together.
    """
    pause = _FIRST_PAUSE_SECONDS * _PAUSE_FACTOR ** min(failures, 20)
    return float(min(pause, _LONGEST_PAUSE_SECONDS) * jitter)


class Webhooks:
    """One process's part in it."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._policy = parts.policy.webhooks
        self._caller: Caller | None = None
        self._calls: dict[asyncio.Task[None], str] = {}
        self._again = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until told to stop."""
        stopping = asyncio.create_task(stop.wait())
        again: asyncio.Task[bool] | None = None
        try:
            while not stop.is_set():
                self._again.clear()
                await self._look()
                again = again or asyncio.create_task(self._again.wait())
                await asyncio.wait(
                    {stopping, again}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                again = None if again.done() else again
        finally:
            stopping.cancel()
            if again is not None:
                again.cancel()
            await self._close()

    async def _look(self) -> None:
        try:
            if await self.start_due() >= _OF_ONE_OWNER:
                # Whatever else is due may be of others.
                self._again.set()
        except UnavailableError as error:
            log.warning("part_unavailable", code=error.code, reason=repr(error.__cause__))
        except Exception as error:  # noqa: BLE001 - the next look tries again, whatever it was
            log.warning("webhooks_not_sent", reason=repr(error))

    async def start_due(self) -> int:
        """Begin to send what is due, as far as there is room; return how much that is."""
        free = _AT_ONCE - len(self._calls)
        if not free:
            return 0
        async with self._database.read() as connection:
            if not await outbox.any_due(connection):
                return 0
        if not self._policy.secrets:
            log.error("webhooks_without_secret", message="Set DALSTON_WEBHOOK_SECRET.")
            return 0
        async with self._database.write() as connection:
            lease = self._policy.timeout_seconds + _LEASE_SECONDS
            calls = Counter(self._calls.values())
            due = await outbox.claim_due(
                connection, free, lease, calls=calls, most_calls=_OF_ONE_OWNER
            )
        for claimed in due:
            call = asyncio.create_task(self._send(claimed))
            self._calls[call] = claimed.owner
            call.add_done_callback(self._ended)
        return len(due)

    def _ended(self, call: asyncio.Task[None]) -> None:
        owner = self._calls.pop(call)
        of_owner = sum(other == owner for other in self._calls.values()) + 1
        if len(self._calls) + 1 == _AT_ONCE or of_owner == _OF_ONE_OWNER:
            # More of them may be due, and there was no room.
            self._again.set()
        if not call.cancelled() and (error := call.exception()) is not None:
            # It is due again when its lease has run out.
            log.warning("webhook_outcome_lost", reason=repr(error))

    async def _send(self, claimed: Claimed) -> None:
        if self._caller is None:
            # Only who has anything to send loads an HTTP client.
            from dalston.orchestrator.calling import Caller  # noqa: PLC0415

            self._caller = Caller(self._policy)
        tried = await self._caller.send(claimed)
        pause = pause_seconds(claimed.failures, random.uniform(*_JITTER))  # noqa: S311 - no secret
        async with self._database.write() as connection:
            await outbox.note_outcome(
                connection, msgspec.structs.replace(tried, pause_seconds=pause)
            )
        log.info(
            "webhook_sent" if tried.error is None else "webhook_failed",
            message_id=claimed.id,
            job_id=claimed.job_id,
            attempt=claimed.attempt,
            status=tried.status,
            error=tried.error,
        )

    async def _close(self) -> None:
        """Finish what has been begun, for a moment; what is cut off is due again by itself."""
        if self._calls:
            _, left = await asyncio.wait(self._calls, timeout=_CLOSE_SECONDS)
            for call in left:
                call.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._caller is not None:
            await self._caller.close()
