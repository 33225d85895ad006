"""How a stored recording becomes a job: many at a time in one transaction, then made known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from dalston.common.errors import DalstonError, UnavailableError
from dalston.common.messages import JobCreated
from dalston.common.models import Job, new_job_id
from dalston.common.redis import in_words
from dalston.common.storage import job_folder
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.admission import Applicant, Decisions, decide
from dalston.db.session import Database
from dalston.db.usage import Usage
from dalston.gateway.parts import Parts
from dalston.gateway.services.batches import Batches

log = structlog.get_logger(__name__)

_IDS = 64
"""Ids that one question to the database looks up."""
_MOST_JOBS = 256
"""Jobs of one transaction."""
_GATHER_SECONDS = 0.01
"""For how long jobs that had to wait for a transaction wait for others to go with them."""
_CLOSE_SECONDS = 5.0


class JobIds:
    """Ids of which the database has said that no job has them, looked up many at a time.

    Args:
        database: With all jobs, also those that were deleted a moment ago.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: deque[str] = deque()
        self._looking = asyncio.Lock()

    async def take(self) -> str:
        """Return an id that nobody else gets from here.

        Raises:
            DatabaseUnavailableError: There is none left, and the database does not answer.
        """
        while not self._free:
            async with self._looking:
                if not self._free:
                    await self._look()
        return self._free.popleft()

    async def _look(self) -> None:
        ids = {new_job_id() for _ in range(_IDS)}
        async with self._database.read() as connection:
            taken = await reading.taken_job_ids(connection, sorted(ids))
        if taken:
            log.warning("job_id_collision", job_ids=sorted(taken))
        self._free.extend(ids - taken)


class Accepted(msgspec.Struct, frozen=True):
    """A job that stands for a submission.

    Attributes:
        job: As its row is.
        replayed: Whether an earlier submission made it, with the same idempotency key.
        used: What its owner has used of its limits, if it has any.
    """

    job: Job
    replayed: bool = False
    used: Usage | None = None


class _Submission(msgspec.Struct, eq=False):
    """A job whose recording is stored.

    Attributes:
        keep: Its recording is not ours to delete: the commit may have arrived although its answer
            did not, or the id turned out to be another job's.
    """

    applicant: Applicant
    keep: bool = False

    @property
    def job(self) -> Job:
        """The job."""
        return self.applicant.job


class Acceptance:
    """Writes the rows of jobs, and tells the orchestrators of them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._jobs = Batches(self._accept_all, _MOST_JOBS, _GATHER_SECONDS)
        self._events: set[asyncio.Future[None]] = set()
        self._cleaning: set[asyncio.Task[None]] = set()

    async def accept(self, applicant: Applicant) -> Accepted:
        """Make a job durable; a refusal removes its recording, unless its row may be there.

        It goes on if the caller is cancelled, because the batch is that of others too.

        Raises:
            UnavailableError: It is not accepted, as far as is known.
            RequestError: Its owner may not have it.
        """
        submission = _Submission(applicant)
        answer = self._jobs.add(submission)
        try:
            accepted = await asyncio.shield(answer)
        except Exception:
            await self._clean(submission)
            raise
        except asyncio.CancelledError:
            answer.add_done_callback(lambda answer: self._abandon(submission, answer))
            raise
        if accepted.replayed:
            await self._clean(submission)
        return accepted

    async def close(self) -> None:
        """Finish what has been begun, for a few seconds at most."""
        await self._jobs.close(_CLOSE_SECONDS)
        if begun := {*self._cleaning, *self._events}:
            await asyncio.wait(begun, timeout=_CLOSE_SECONDS)

    def _abandon(self, submission: _Submission, answer: asyncio.Future[Accepted]) -> None:
        """Clean up in place of a caller that is gone, should its job not have been accepted."""
        if answer.cancelled() or answer.exception() is not None or answer.result().replayed:
            task = asyncio.create_task(self._clean(submission))
            self._cleaning.add(task)
            task.add_done_callback(self._cleaning.discard)

    async def _clean(self, submission: _Submission) -> None:
        if submission.keep:
            log.warning("recording_kept", job_id=submission.job.id)
        else:
            await self._parts.store.delete_below(job_folder(submission.job.id))

    async def _accept_all(
        self, submissions: Sequence[_Submission]
    ) -> Sequence[Accepted | Exception]:
        try:
            return await self._insert(submissions)
        except UnavailableError:
            raise
        except Exception as error:
            if any(submission.keep for submission in submissions):
                raise
            # One that the database refuses must not take the others with it. And if it was an id
            # that another gateway has just used, it is seen to be taken the second time.
            log.warning("batch_split", jobs=len(submissions), reason=repr(error))
        return [await self._accept_one(submission) for submission in submissions]

    async def _accept_one(self, submission: _Submission) -> Accepted | Exception:
        try:
            [answer] = await self._insert([submission])
        except Exception as error:  # noqa: BLE001 - the answer to this one alone
            return error
        return answer

    async def _insert(self, submissions: Sequence[_Submission]) -> Sequence[Accepted | Exception]:
        async with self._parts.database.write() as connection:
            decisions = await decide(connection, [one.applicant for one in submissions])
            wanted = [one.job for one in submissions if decisions.accepts(one.job)]
            created = await transitions.create_jobs(connection, wanted)
            await decisions.write(connection, created)
            await connection.flush()
            # What is left is the commit. From there on, a recording is never thrown away.
            for submission in submissions:
                submission.keep = decisions.accepts(submission.job)
        # The orchestrators hear of it before the clients do: this is what the work waits for.
        for job_id in created:
            self._announce(job_id)
        return [_answer(submission.job, decisions, created) for submission in submissions]

    def _announce(self, job_id: str) -> None:
        sent = self._parts.events.post(JobCreated(job_id))
        self._events.add(sent)
        sent.add_done_callback(lambda sent: self._announced(job_id, sent))

    def _announced(self, job_id: str, sent: asyncio.Future[None]) -> None:
        self._events.discard(sent)
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if error is not None:
            # The job is durable; an orchestrator's sweep finds it.
            log.warning("redis_unavailable", job_id=job_id, reason=in_words(error))


def _answer(
    job: Job, decisions: Decisions, created: Mapping[str, datetime]
) -> Accepted | DalstonError:
    if job.id in decisions.refused:
        return decisions.refused[job.id]
    used = decisions.used.get(job.owner)
    if job.id in decisions.replayed:
        other = decisions.replayed[job.id]
        other_id = decisions.in_place_of[job.id]
        if other is None and other_id in created:
            # Both came in the same transaction, so they differ in nothing else.
            other = msgspec.structs.replace(job, id=other_id, created_at=created[other_id])
        return _taken(other_id) if other is None else Accepted(other, replayed=True, used=used)
    if job.id not in created:
        return _taken(job.id)
    return Accepted(msgspec.structs.replace(job, created_at=created[job.id]), used=used)


def _taken(job_id: str) -> UnavailableError:
    """Another gateway has given away the same id since it was looked up, as good as never."""
    log.error("job_id_collision", job_ids=[job_id])
    return UnavailableError("The job could not be accepted. Send the recording again.")
