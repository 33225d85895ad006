"""What owners have used of their limits on jobs and on audio.

The length of a recording is known once it has been decoded. Until then it is charged by its size,
and corrected when the owner's next job asks, or before the job is removed: the rows of its tasks
say how long it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dalston.common.access import Limits
from dalston.common.models import Job, JobStatus, TaskStatus
from dalston.db.compiled import usage as sql
from dalston.db.limits import lock_owners
from dalston.db.statements import Connection, Row

_BYTES_PER_SECOND = 16_000.0
"""Of a recording whose length isn't known: 128 kbit/s."""


def seconds_by_size(size: int) -> float:
    """Return how long a recording of so many bytes is taken to be."""
    return size / _BYTES_PER_SECOND


class Usage(msgspec.Struct):
    """What an owner has used, kept up with what a transaction adds.

    Attributes:
        jobs: Its jobs that have not ended; 0 if there is no limit.
        day: The day, in UTC.
        rest_of_day: Seconds until the next one begins.
        audio_seconds: Of the day; 0 if there is no limit.
        settled: Jobs whose charge has been replaced by their true length.
        charged: Jobs that are charged by their size.
    """

    jobs: int
    day: str
    rest_of_day: int
    audio_seconds: float
    settled: list[str] = []
    charged: dict[str, float] = {}

    def add(self, job: Job, limits: Limits) -> None:
        """Count one more job."""
        self.jobs += 1
        if limits.audio_seconds_per_day is not None:
            seconds = seconds_by_size(job.audio_bytes)
            self.charged[job.id] = seconds
            self.audio_seconds += seconds


async def usage_of(connection: Connection, owner: str, limits: Limits) -> Usage:
    """Return what an owner has used, for who only wants to know whether there is room.

    As long as there is by what is charged, nobody looks which of the charged jobs have ended: each
    request would look at all that wait. Who adds to it knows better.
    """
    row = await connection.fetch_one(sql.ROW, owner=owner)
    if row is None:
        raise LookupError(f"the owner {owner} has no row")
    usage = await _counted(connection, row, limits)
    most = limits.audio_seconds_per_day
    if most is not None and usage.audio_seconds >= most:
        await _settle(connection, owner, usage)
    return usage


async def hold_usage(connection: Connection, owned: Mapping[str, Limits]) -> dict[str, Usage]:
    """Return what some owners have used, and let nobody else add to it before the commit."""
    rows = await lock_owners(connection, owned)
    used: dict[str, Usage] = {}
    for name, limits in owned.items():
        used[name] = await _counted(connection, rows[name], limits)
        if limits.audio_seconds_per_day is not None:
            await _settle(connection, name, used[name])
    return used


async def write_usage(
    connection: Connection, used: Mapping[str, Usage], created: Collection[str]
) -> None:
    """Write what a transaction has added to the usage that it holds, with the jobs it created."""
    for owner, usage in used.items():
        if not usage.charged and not usage.settled:
            continue
        charges = [
            {"job_id": job_id, "owner": owner, "day": usage.day, "seconds": seconds}
            for job_id, seconds in usage.charged.items()
            if job_id in created
        ]
        # In this order: a job that goes on may be settled and charged anew.
        await connection.fetch(sql.SETTLE, job_ids=usage.settled)
        await connection.run_many(sql.CHARGE, charges)
        await connection.fetch(
            sql.USE, by_name=owner, by_day=usage.day, by_seconds=usage.audio_seconds
        )


async def settle_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Replace the charges of jobs that are about to be removed, while their length is known.

    Args:
        connection: An open write transaction that holds none of the jobs yet: who submits holds
            its owner first.
        job_ids: The jobs, which have ended.
    """
    charges = await connection.fetch(sql.CHARGES_OF, job_ids=job_ids)
    if not charges:
        return
    owners = await lock_owners(connection, {charge.owner for charge in charges})
    # Meanwhile the owner may have settled some of them.
    charges = await connection.fetch(sql.CHARGES_OF, job_ids=job_ids)
    lengths = await _lengths(connection, job_ids)
    for name, row in owners.items():
        seconds = row.audio_seconds + sum(
            _true_length(charge, lengths) - charge.seconds
            for charge in charges
            if charge.owner == name and charge.day == row.audio_day
        )
        await connection.fetch(
            sql.USE, by_name=name, by_day=row.audio_day, by_seconds=max(0.0, seconds)
        )
    await connection.fetch(sql.SETTLE, job_ids=[charge.job_id for charge in charges])


async def _lengths(connection: Connection, job_ids: Sequence[str]) -> dict[str, float]:
    """Return the seconds of those of some jobs whose recordings have been cut."""
    rows = await connection.fetch(sql.PARTS, job_ids=job_ids)
    # Of a job that ended in the middle of the cutting only its beginning is known.
    cut = {row.job_id for row in rows if row.expands and row.status == TaskStatus.COMPLETED.value}
    lengths: dict[str, float] = {}
    for row in rows:
        if row.part is not None and row.job_id in cut:
            lengths[row.job_id] = max(lengths.get(row.job_id, 0.0), float(row.part["core_end"]))
    return lengths


async def _counted(connection: Connection, row: Row, limits: Limits) -> Usage:
    """Return what an owner has used as it has been charged."""
    unended = 0
    if limits.running_jobs is not None:
        [count] = await connection.fetch(sql.JOBS, owner=row.name)
        unended = int(count.jobs)
    now: datetime = row.now
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    usage = Usage(unended, now.date().isoformat(), int((tomorrow - now).total_seconds()) + 1, 0.0)
    if limits.audio_seconds_per_day is not None and row.audio_day == usage.day:
        usage.audio_seconds = row.audio_seconds
    return usage


async def _settle(connection: Connection, owner: str, usage: Usage) -> None:
    """Replace the charges of jobs that have ended by their true lengths."""
    charges = await connection.fetch(sql.ENDED_CHARGES, owner=owner)
    if not charges:
        return
    usage.settled = [charge.job_id for charge in charges]
    lengths = await _lengths(connection, usage.settled)
    for charge in charges:
        if charge.day == usage.day:
            usage.audio_seconds += _true_length(charge, lengths) - charge.seconds
    usage.audio_seconds = max(0.0, usage.audio_seconds)


def _true_length(charge: Row, lengths: Mapping[str, float]) -> float:
    if charge.job_id in lengths:
        return lengths[charge.job_id]
    # One that ended before it was decoded was none; of one that is gone, or whose pipeline
    # doesn't decode, nothing better is known.
    undecoded = charge.status in {JobStatus.FAILED.value, JobStatus.CANCELLED.value}
    return 0.0 if undecoded else float(charge.seconds)
