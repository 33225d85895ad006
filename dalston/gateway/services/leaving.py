"""Clients that go away before they have their answer, and wanted their job stopped then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from dalston.common.errors import UnavailableError
from dalston.db.abandoned import forget_abandoned, note_abandoned
from dalston.db.session import Database

log = structlog.get_logger(__name__)

CANCEL_ON_DISCONNECT = "cancel-on-disconnect"
"""With this in its header `Prefer` (RFC 7240) a request asks for that."""
_CLOSE_SECONDS = 5.0


class Leaving:
    """Notes who has gone away and who is back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noting: set[asyncio.Task[None]] = set()

    def left(self, job_id: str) -> None:
        """Note soon that a job's client has gone away: nobody is there to wait for that."""
        task = asyncio.create_task(self._note(job_id))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def back(self, job_id: str) -> None:
        """Note that somebody wants a job after all.

        Raises:
            DatabaseUnavailableError: That can't be noted now.
        """
        async with self._database.write() as connection:
            await forget_abandoned(connection, [job_id])

    async def until_left(self, events: AsyncGenerator[bytes], job_id: str) -> AsyncGenerator[bytes]:
        """Yield the events of an answer; note it if its client doesn't hear them to their end."""
        over = False
        try:
            async with aclosing(events) as sent:
                async for event in sent:
                    yield event
            over = True
        finally:
            if not over:
                self.left(job_id)

    async def close(self) -> None:
        """Finish what has been begun, for a few seconds at most."""
        if self._noting:
            await asyncio.wait(self._noting, timeout=_CLOSE_SECONDS)

    async def _note(self, job_id: str) -> None:
        try:
            async with self._database.write() as connection:
                await note_abandoned(connection, job_id)
        except UnavailableError as error:
            # The job goes on: that is what everybody else's does.
            log.warning("leaving_not_noted", job_id=job_id, reason=repr(error.__cause__))
        else:
            log.info("job_abandoned", job_id=job_id)
