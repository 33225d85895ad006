"""Room for one more job: asked for before its recording is sent, and held while that comes.

What counts is decided in the transaction that writes the job (`db/admission.py`). This is so that
nobody sends a recording in vain, and that nobody fills the store with many that are to be one job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dalston.common.access import Caller
from dalston.db.admission import Repeats, counts_jobs, limit_reached
from dalston.db.idempotency import known_keys
from dalston.db.session import Database
from dalston.db.usage import usage_of
from dalston.gateway.services.idempotency import Name


class Room:
    """One gateway's part in it.

    Args:
        database: Knows what each owner has used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._coming: Counter[tuple[str, bool]] = Counter()
        """Submissions whose recordings are coming, by owner and whether they may be repeats."""

    async def require(self, caller: Caller, name: Name = Name()) -> bool:  # noqa: B008 - it is frozen
        """Refuse, before the recording is sent, what would be refused behind it.

        Returns:
            Whether it may be a job that counts already.

        Raises:
            LimitReachedError: The caller has as much as may be.
        """
        if not counts_jobs(caller.limits):
            return False
        async with self._database.read() as connection:
            named = {(caller.owner, name.given)} if name.given is not None else set()
            known = bool(await known_keys(connection, named))
            used = await usage_of(connection, caller.owner, caller.limits)
        repeated = known or name.repeats is Repeats.AGAIN
        if repeated:
            # Those have jobs already; as many as there may be of these may come once more.
            used.jobs = used.audio_seconds = 0
        used.jobs += self._coming[caller.owner, repeated]
        refusal = limit_reached(used, caller.limits)
        if refusal is not None:
            raise refusal
        return repeated

    @asynccontextmanager
    async def held(self, caller: Caller, name: Name) -> AsyncIterator[None]:
        """Hold the room for a job while its recording comes.

        Raises:
            LimitReachedError: There is none.
        """
        place = (caller.owner, await self.require(caller, name))
        self._coming[place] += 1
        try:
            yield
        finally:
            self._coming[place] -= 1
            if not self._coming[place]:
                del self._coming[place]
