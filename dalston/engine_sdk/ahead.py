"""What a slot has claimed while its current task still computes.

An engine of slow tasks has one such claim, when the current task ends within seconds. An engine
of quick ones has several, so that their inputs are there when their turn comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

import structlog

from dalston.engine_sdk.claims import Claim, Claimer

log = structlog.get_logger(__name__)

PREFETCH_SECONDS = 10.0
"""A claimed task whose turn hasn't come by then goes to somebody else."""
_FETCHED_AT_ONCE = 8
_BYTES_AHEAD = 16 * 1024 * 1024
"""Recordings beyond this, in all, are fetched only when they are the next."""
_EMPTY_SECONDS = 0.005
"""A queue that was empty is not asked again sooner than this."""


class Ahead:
    """The claims of one slot that wait for their turn."""

    def __init__(self, claimer: Claimer) -> None:
        self._claimer = claimer
        self._claims: deque[Claim] = deque()
        self._taking: asyncio.Task[None] | None = None
        self._returning: set[asyncio.Task[None]] = set()
        self._ask_again_at = 0.0
        self._returned = False
        self._over = False

    def want(self, count: int) -> None:
        """Claim in the background until there are that many, if so many wait in the queue."""
        missing = count - len(self._claims)
        # Half of them at a time: one call for many.
        if self._over or self._returned or self._taking or 2 * missing < count or not missing:
            return
        if asyncio.get_running_loop().time() >= self._ask_again_at:
            self._taking = asyncio.create_task(self._take(missing))

    async def _take(self, count: int) -> None:
        try:
            self._add(await self._claimer.take(count), count)
        except Exception:
            # One entry that nobody can handle must not end the engine.
            log.exception("claim_failed")
        finally:
            self._taking = None

    def _add(self, claims: list[Claim], wanted: int) -> None:
        if len(claims) < wanted:
            self._ask_again_at = asyncio.get_running_loop().time() + _EMPTY_SECONDS
        self._claims.extend(claims)
        if self._over:
            self.hand_back()
        self._fetch()

    def _fetch(self) -> None:
        """Bring the inputs of the next few, as far as they are small."""
        audio_bytes = 0
        for position, claim in enumerate(islice(self._claims, _FETCHED_AT_ONCE)):
            audio_bytes += claim.entry.audio_bytes
            if position and audio_bytes > _BYTES_AHEAD:
                return
            self._claimer.begin_fetch(claim)

    async def next(self, count: int) -> Claim | None:
        """Return the claim whose turn it is; wait a moment for one if there is none.

        Args:
            count: How many to claim with it, if there was none.
        """
        if not self._claims and self._taking is not None:
            await asyncio.wait([self._taking])
        if not self._claims and not self._over:
            self._add(await self._claimer.wait(count), count)
        self._returned = False
        while self._claims:
            claim = self._claims.popleft()
            if not claim.lease.closed.done():
                self._fetch()
                return claim
            self._claimer.discard(claim)
        return None

    def trim(self, count: int) -> None:
        """Hand back, in the background, what waits in vain.

        Args:
            count: How many claims are wanted; the first stays for a while in any case.
        """
        if len(self._claims) > max(1, count):
            self.hand_back(max(1, count))
        if self._claims:
            waited = asyncio.get_running_loop().time() - self._claims[0].claimed_at
            if waited > PREFETCH_SECONDS:
                self.hand_back()

    def hand_back(self, kept: int = 0) -> None:
        """Hand back, in the background, all but the first few."""
        surplus = list(islice(self._claims, kept, None))
        if not surplus:
            return
        self._claims = deque(islice(self._claims, kept))
        # What is handed back is the next in the queue: not to be claimed again at once.
        self._returned = True
        returning = asyncio.create_task(self._claimer.hand_back(surplus))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    async def give_up(self) -> None:
        """Hand back all, now, and claim nothing more."""
        self._over = True
        if self._taking is not None:
            await asyncio.wait([self._taking])
        self.hand_back()
        while self._returning:
            await asyncio.wait(self._returning)
