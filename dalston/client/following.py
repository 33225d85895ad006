"""Follows a job's events, over as many connections as that takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec
from httpx_sse import ServerSentEvent

from dalston.client.api import Api
from dalston.client.errors import RefusedError, UnreachableError
from dalston.client.patience import Patience
from dalston.client.views import (
    JobEvent,
    ProgressEvent,
    ProgressView,
    Reason,
    SegmentEvent,
    StatusEvent,
)
from dalston.common.models import TERMINAL_JOB, JobStatus
from dalston.common.transcript import Segment

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


class _Status(msgspec.Struct):
    status: JobStatus
    version: int = 1
    error: Reason | None = None


async def job_events(
    api: Api,
    job_id: str,
    after: str | None = None,
    away: Callable[[Exception], None] | None = None,
) -> AsyncGenerator[JobEvent]:
    """Yield what happens to a job until it ends.

    A connection that breaks is made again, and goes on behind the last event.

    Args:
        api: The server's.
        job_id: The job.
        after: The id of the last event that was heard.
        away: Is told why the server is waited for, each time that it is asked in vain.

    Raises:
        UnreachableError: The server has been away for a minute.
        RefusedError: It said no, for example that there is no such job, or was busy for so long.
    """
    pause, patience = _FIRST_PAUSE, Patience()
    while True:
        try:
            async with api.events(job_id, after) as source:
                if source is None:
                    return
                async for sent in source.aiter_sse():
                    pause, patience = _FIRST_PAUSE, Patience()
                    event = _event_of(sent)
                    if event is None:
                        continue
                    after = event.id
                    yield event
                    if isinstance(event, StatusEvent) and event.status in TERMINAL_JOB:
                        return
            # The server stops, or can't tell now.
            patience.require("the stream of events ends again and again")
        except UnreachableError as error:
            if patience.over():
                raise
            _tell(away, error)
        except RefusedError as error:
            if not patience.bears(error):
                raise
            _tell(away, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _tell(away: Callable[[Exception], None] | None, error: Exception) -> None:
    if away is not None:
        away(error)


def _event_of(sent: ServerSentEvent) -> JobEvent | None:
    """Return an event; None for one of a kind that this version doesn't know."""
    if sent.event == "segment":
        return SegmentEvent(sent.id, msgspec.json.decode(sent.data, type=Segment))
    if sent.event == "progress":
        return ProgressEvent(sent.id, msgspec.json.decode(sent.data, type=ProgressView))
    if sent.event == "status":
        said = msgspec.json.decode(sent.data, type=_Status)
        return StatusEvent(sent.id, said.status, said.version, said.error)
    return None
