"""`dalston jobs watch`: a job's events for people."""

from __future__ import annotations

from contextlib import aclosing

import click

from dalston.client.api import Api
from dalston.client.following import job_events
from dalston.client.progress import printable
from dalston.client.views import ProgressEvent, SegmentEvent, StatusEvent
from dalston.common.models import JobStatus

_STEP = 0.05
"""Share of a job between two lines about its progress."""
_MINUTE, _HOUR = 60, 3600


async def watch(api: Api, job_id: str) -> bool:
    """Print what is heard of a job until it ends; tell whether it is completed.

    Raises:
        UnreachableError: The server has been away for a minute.
        RefusedError: It said no, for example that there is no such job.
    """
    told = 0.0
    status = None
    waiting = False

    def away(error: Exception) -> None:
        nonlocal waiting
        if not waiting:
            click.echo(f"{job_id}: waiting for the server: {printable(str(error))}", err=True)
        waiting = True

    async with aclosing(job_events(api, job_id, away=away)) as events:
        async for event in events:
            waiting = False
            if isinstance(event, SegmentEvent):
                place = clock(event.segment.start)
                click.echo(f"[{place}] {printable(event.segment.text)}")
            elif isinstance(event, ProgressEvent):
                if event.progress.fraction >= told + _STEP:
                    told = event.progress.fraction
                    click.echo(f"{job_id}: {100 * told:.0f} %", err=True)
            elif event.status is not status:
                status = event.status
                click.echo(f"{job_id}: {status}{_reason(event)}", err=True)
    return status is JobStatus.COMPLETED


def clock(seconds: float) -> str:
    """Return a place in a recording as people write it: `1:02:03`, or `02:03` in the first hour."""
    whole = int(seconds)
    minutes = f"{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
    return minutes if whole < _HOUR else f"{whole // _HOUR}:{minutes}"


def _reason(event: StatusEvent) -> str:
    return "" if event.error is None else f": {printable(event.error.message)} [{event.error.code}]"
