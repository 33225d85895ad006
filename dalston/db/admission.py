"""What is decided about new jobs in the transaction that writes them.

Idempotency keys and limits hold over any number of gateways because the owners' rows are locked
first: of two jobs that would take the last place, the second one sees the first one. A job that
comes without a key, from an owner without limits, costs nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import msgspec

from dalston.common.access import Caller, Limits
from dalston.common.errors import (
    AudioLimitError,
    DalstonError,
    IdempotencyKeyReusedError,
    IdempotentJobGoneError,
    LimitReachedError,
    TooManyJobsError,
)
from dalston.common.models import Job, JobStatus, Task, TaskStatus
from dalston.common.pipeline_checks import FETCH
from dalston.db.idempotency import IdempotencyKey, joinable_jobs, known_keys, remember_keys
from dalston.db.reading import owned_jobs
from dalston.db.statements import Connection
from dalston.db.usage import Usage, hold_usage, write_usage
from dalston.db.versions import versions_of

JOBS_WAIT = 10
"""Seconds after which one more job may have ended; nobody knows better."""


class Repeats(StrEnum):
    """What it means that a submission's key is known already."""

    NAMED = "named"
    """The client named it: it is the same job, or a mistake."""
    FIRST = "first"
    """It is named by its content, and the client sends it on purpose: it is a new job."""
    AGAIN = "again"
    """It is named by its content, and the client has sent it before and heard no answer: it joins
    the earlier job, unless that has come to nothing or is from another occasion."""


class Applicant(msgspec.Struct, frozen=True):
    """A job that is to be accepted, and on what terms.

    Attributes:
        key: Of the job's owner, for this job.
        repeats: What it means if the key is known.
    """

    job: Job
    limits: Limits = Limits()
    key: IdempotencyKey | None = None
    repeats: Repeats = Repeats.NAMED

    @property
    def has_terms(self) -> bool:
        """Whether there is anything to decide."""
        return self.key is not None or counts_jobs(self.limits)


class Decisions(msgspec.Struct):
    """What becomes of the applicants of one transaction.

    Attributes:
        refused: Why a job is not accepted, by its id.
        replayed: The job that was accepted in its place earlier, by its id; None if that is
            being accepted in the same transaction.
        in_place_of: The id of that job.
        used: What the owners have used, these jobs included.
        keys: What is to stand for new jobs, by owner and key.
        renamed: Which of them stood for other jobs before.
    """

    refused: dict[str, DalstonError] = {}
    replayed: dict[str, Job | None] = {}
    in_place_of: dict[str, str] = {}
    used: dict[str, Usage] = {}
    keys: dict[tuple[str, str], IdempotencyKey] = {}
    renamed: set[tuple[str, str]] = set()

    def accepts(self, job: Job) -> bool:
        """Tell whether a job is to be written."""
        return job.id not in self.refused and job.id not in self.replayed

    async def write(self, connection: Connection, created: Collection[str]) -> None:
        """Write what goes with the accepted jobs, once they are written.

        Args:
            connection: The same transaction.
            created: Ids of the jobs that are; one whose id was taken already isn't.
        """
        new = [key for key in self.keys.values() if key.job_id in created]
        await remember_keys(connection, new, self.renamed)
        await write_usage(connection, self.used, created)


def counts_jobs(limits: Limits) -> bool:
    """Tell whether there is a limit that a job counts for."""
    return limits.running_jobs is not None or limits.audio_seconds_per_day is not None


async def decide(connection: Connection, applicants: Sequence[Applicant]) -> Decisions:
    """Decide about jobs, in an open write transaction, before any of them is written."""
    on_terms = [applicant for applicant in applicants if applicant.has_terms]
    decisions = Decisions()
    if not on_terms:
        return decisions
    decisions.used = await hold_usage(
        connection, {applicant.job.owner: applicant.limits for applicant in on_terms}
    )
    named = {(one.key.owner, one.key.key) for one in on_terms if one.key is not None}
    known = await known_keys(connection, named)
    joinable = await _joinable(connection, on_terms, known)
    for applicant in on_terms:
        job, key = applicant.job, applicant.key
        before = None if key is None else known.get((key.owner, key.key))
        if key is not None and before is not None and not _joins(applicant, before, joinable):
            decisions.renamed.add((key.owner, key.key))
            before = None
        usage = decisions.used[job.owner]
        if key is not None and before is not None:
            if before.content != key.content:
                decisions.refused[job.id] = _reused()
            else:
                decisions.replayed[job.id] = None
                decisions.in_place_of[job.id] = before.job_id
        elif (refusal := limit_reached(usage, applicant.limits)) is not None:
            decisions.refused[job.id] = refusal
        else:
            usage.add(job, applicant.limits)
            joinable.add(job.id)
            if key is not None:
                known[key.owner, key.key] = decisions.keys[key.owner, key.key] = key
    await _find_replayed(connection, on_terms, decisions)
    return decisions


def _joins(applicant: Applicant, before: IdempotencyKey, joinable: Collection[str]) -> bool:
    """Tell whether a submission whose key is known is about the job that the key stands for."""
    if applicant.repeats is Repeats.AGAIN:
        return before.job_id in joinable
    return applicant.repeats is Repeats.NAMED


async def _joinable(
    connection: Connection,
    on_terms: Sequence[Applicant],
    known: Mapping[tuple[str, str], IdempotencyKey],
) -> set[str]:
    """Return the earlier jobs that submissions may join which a client repeats by itself."""
    again = [one.key for one in on_terms if one.key is not None and one.repeats is Repeats.AGAIN]
    before = [known[key.owner, key.key] for key in again if (key.owner, key.key) in known]
    return await joinable_jobs(connection, before) if before else set()


async def _find_replayed(
    connection: Connection, on_terms: Sequence[Applicant], decisions: Decisions
) -> None:
    new = {applicant.job.id for applicant in on_terms if decisions.accepts(applicant.job)}
    owner_of = {applicant.job.id: applicant.job.owner for applicant in on_terms}
    wanted = {
        job_id: (owner_of[job_id], other_id)
        for job_id, other_id in decisions.in_place_of.items()
        if other_id not in new
    }
    found = await owned_jobs(connection, set(wanted.values())) if wanted else {}
    for job_id, name in wanted.items():
        if name in found:
            decisions.replayed[job_id] = found[name]
        else:
            del decisions.replayed[job_id]
            decisions.refused[job_id] = _gone(name[1])


class Held(msgspec.Struct, frozen=True):
    """An owner's row, held while it is decided whether one of its jobs may go on.

    Attributes:
        usage: What the owner has used; None if there is no limit on it.
    """

    caller: Caller
    usage: Usage | None

    async def charge(
        self,
        connection: Connection,
        job: Job,
        own_tasks: Sequence[Task],
        from_stage: str | None = None,
    ) -> None:
        """Count a job that goes on, as one more that has not ended.

        Its audio was charged when it was submitted. It is charged once more if it ended before
        anybody knew how long that is, so that the owner got it back, or if its recording is
        fetched once more: that may be another one now.

        Args:
            connection: The transaction that holds the owner's row.
            job: As it was when it had ended.
            own_tasks: All its tasks until now.
            from_stage: Where a rerun begins.

        Raises:
            LimitReachedError: The owner has as much as may be.
        """
        if self.usage is None:
            return
        limits = self.caller.limits
        if from_stage != FETCH and await _is_charged(connection, job, own_tasks):
            limits = msgspec.structs.replace(limits, audio_seconds_per_day=None)
        refusal = limit_reached(self.usage, limits)
        if refusal is not None:
            raise refusal
        self.usage.add(job, limits)
        await write_usage(connection, {job.owner: self.usage}, {job.id})


async def _is_charged(connection: Connection, job: Job, own_tasks: Sequence[Task]) -> bool:
    """Tell whether a job's owner hasn't got back what its recording was charged."""
    if _is_known(job.status, own_tasks):
        return True
    if job.version == 1:
        return False
    rerun = job.rerun
    for version in reversed(await versions_of(connection, [job.id])):
        if rerun is not None and rerun["from_stage"] == FETCH:
            # What was charged before was another recording's.
            return False
        if _is_known(version.status, version.tasks):
            return True
        rerun = version.rerun
    return False


def _is_known(status: JobStatus, own_tasks: Sequence[Task]) -> bool:
    """Tell whether a job that has ended came so far that its length stays charged."""
    return status is JobStatus.COMPLETED or any(
        task.expands and task.status is TaskStatus.COMPLETED for task in own_tasks
    )


async def hold(connection: Connection, caller: Caller) -> Held:
    """Hold the row of an owner who has limits on jobs, before any of its jobs is locked."""
    if not counts_jobs(caller.limits):
        return Held(caller, None)
    return Held(caller, (await hold_usage(connection, {caller.owner: caller.limits}))[caller.owner])


def limit_reached(usage: Usage, limits: Limits) -> LimitReachedError | None:
    """Return why an owner may not have one more job now, if it may not."""
    if limits.running_jobs is not None and usage.jobs >= limits.running_jobs:
        return TooManyJobsError(
            f"You may have {limits.running_jobs} unfinished jobs at a time, and have as many. "
            f"Send this one when one of them has.",
            most=limits.running_jobs,
            retry_after=JOBS_WAIT,
        )
    most = limits.audio_seconds_per_day
    if most is not None and usage.audio_seconds >= most:
        return AudioLimitError(
            f"The {most / 3600:g} hours of audio that you may send in a day are used up. The next "
            f"day begins at midnight UTC.",
            most=int(most),
            retry_after=usage.rest_of_day,
        )
    return None


def _reused() -> DalstonError:
    return IdempotencyKeyReusedError(
        "This Idempotency-Key came with another recording or other fields before. Use a new key "
        "for a new submission."
    )


def _gone(job_id: str) -> DalstonError:
    return IdempotentJobGoneError(
        f"The job {job_id} that this Idempotency-Key stands for has been deleted. Use a new key "
        f"to submit the recording again."
    )
