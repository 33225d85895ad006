"""What owners have used of their limits on jobs and on audio.

The length of a recording is known once it has been decoded. Until then it is charged by its size,
and corrected when the owner's next job asks: the rows of its tasks say how long it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import (
    Float,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from dalston.common.access import Limits
from dalston.common.models import Job, JobStatus, TaskStatus
from dalston.db.limits import lock_owners
from dalston.db.parameters import given
from dalston.db.statements import Connection, Row, Statement, any_of
from dalston.db.tables import DatabaseNow, audio_charges, jobs, owners, tasks

_BYTES_PER_SECOND = 16_000.0
"""Of a recording whose length isn't known: 128 kbit/s."""
_UNENDED = (JobStatus.PENDING.value, JobStatus.RUNNING.value)
_ROW = Statement(
    select(
        owners.c.name, owners.c.audio_day, owners.c.audio_seconds, DatabaseNow().label("now")
    ).where(owners.c.name == bindparam("owner"))
)
_JOBS = Statement(
    select(func.count().label("jobs")).where(
        jobs.c.owner == bindparam("owner"), or_(*(jobs.c.status == one for one in _UNENDED))
    )
)
_ENDED_CHARGES = Statement(
    select(audio_charges.c.job_id, audio_charges.c.day, audio_charges.c.seconds, jobs.c.status)
    .outerjoin(jobs, jobs.c.id == audio_charges.c.job_id)
    .where(
        audio_charges.c.owner == bindparam("owner"),
        or_(jobs.c.id.is_(None), and_(*(jobs.c.status != one for one in _UNENDED))),
    )
)
_cutter = tasks.alias("cutter")
_PARTS = Statement(
    select(tasks.c.job_id, tasks.c.part).where(
        any_of(tasks.c.job_id, "job_ids"),
        tasks.c.part.is_not(None),
        # Of a job that ended in the middle of the cutting only its beginning is known.
        exists(
            select(_cutter.c.id).where(
                _cutter.c.job_id == tasks.c.job_id,
                _cutter.c.expands == 1,
                _cutter.c.status == TaskStatus.COMPLETED.value,
            )
        ),
    )
)
_CHARGE = Statement(
    insert(audio_charges).values(**given(audio_charges, "job_id owner day seconds"))
)
_SETTLE = Statement(delete(audio_charges).where(any_of(audio_charges.c.job_id, "job_ids")))
_USE = Statement(
    update(owners)
    .where(owners.c.name == bindparam("by_name"))
    .values(
        audio_day=bindparam("by_day", type_=String),
        audio_seconds=bindparam("by_seconds", type_=Float),
    )
)


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
            seconds = job.audio_bytes / _BYTES_PER_SECOND
            self.charged[job.id] = seconds
            self.audio_seconds += seconds


async def usage_of(connection: Connection, owner: str, limits: Limits) -> Usage:
    """Return what an owner has used, for who only wants to know."""
    row = await connection.fetch_one(_ROW, owner=owner)
    if row is None:
        raise LookupError(f"the owner {owner} has no row")
    return await _usage(connection, row, limits)


async def hold_usage(connection: Connection, owned: Mapping[str, Limits]) -> dict[str, Usage]:
    """Return what some owners have used, and let nobody else add to it before the commit."""
    rows = await lock_owners(connection, owned)
    return {name: await _usage(connection, rows[name], limits) for name, limits in owned.items()}


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
        await connection.fetch(_SETTLE, job_ids=usage.settled)
        await connection.run_many(_CHARGE, charges)
        await connection.fetch(
            _USE, by_name=owner, by_day=usage.day, by_seconds=usage.audio_seconds
        )


async def _usage(connection: Connection, row: Row, limits: Limits) -> Usage:
    unended = 0
    if limits.running_jobs is not None:
        [count] = await connection.fetch(_JOBS, owner=row.name)
        unended = int(count.jobs)
    now: datetime = row.now
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    usage = Usage(unended, now.date().isoformat(), int((tomorrow - now).total_seconds()) + 1, 0.0)
    if limits.audio_seconds_per_day is not None:
        if row.audio_day == usage.day:
            usage.audio_seconds = row.audio_seconds
        await _settle(connection, row.name, usage)
    return usage


async def _settle(connection: Connection, owner: str, usage: Usage) -> None:
    """Replace the charges of jobs that have ended by their true lengths."""
    charges = await connection.fetch(_ENDED_CHARGES, owner=owner)
    if not charges:
        return
    usage.settled = [charge.job_id for charge in charges]
    lengths: dict[str, float] = {}
    for row in await connection.fetch(_PARTS, job_ids=usage.settled):
        lengths[row.job_id] = max(lengths.get(row.job_id, 0.0), float(row.part["core_end"]))
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
