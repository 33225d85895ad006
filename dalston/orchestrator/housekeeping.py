"""Deletes what has been kept long enough, and what belongs to nothing.

Every orchestrator looks whether it is time; the database says whose turn it is. An object is an
orphan if no row can ever point at it: an upload whose job never was, or the output of an attempt
that did not count, of a job that has ended. It is deleted only when it has been one for a while:
between the last byte of an upload and its row, it looks like one. In a store that another database
uses too, what belongs to no job of this one is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dalston.common.errors import StoreUnavailableError
from dalston.common.models import TERMINAL_JOB, Retention
from dalston.common.storage import ObjectStore, job_folder
from dalston.db import idempotency, outbox, overdue, reading, removal, retention, sightings
from dalston.db.locking import lock
from dalston.db.retention import KnownJob
from dalston.orchestrator.marks import marks_of_others
from dalston.orchestrator.parts import Parts

log = structlog.get_logger(__name__)

_BATCH = 200
_ALL = 2**31 - 1
_TURN = "housekeeping"
_ORPHAN = "orphan: "
"""In front of a path, in what was seen."""
_ALWAYS = 1e9
"""Seconds: an orphan stays one, however long nobody looks."""
_HOUR = 3600.0
_DELIVERY_DAYS = 30.0
"""For so long a job that is kept shows who was told of its end."""
_ATTEMPT_PARTS = 5
"""Names in the path of an attempt's folder: jobs, the job, tasks, the task, the attempt."""


@dataclass
class Tidied:
    """What a round of housekeeping has deleted, or would have.

    Attributes:
        others: Marks of other databases that use the store.
    """

    jobs: int = 0
    audio: int = 0
    orphans: int = 0
    unfinished: int = 0
    others: tuple[str, ...] = ()


class Housekeeping:
    """One process's housekeeping; any number of them may do it."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._store = parts.store
        self._policy = parts.policy
        self._round: asyncio.Task[None] | None = None

    async def run_in_turn(self) -> None:
        """Begin a round if it is time for one; it goes on by itself."""
        if self._round is not None and not self._round.done():
            return
        async with self._database.write() as connection:
            every = self._policy.housekeeping_hours * _HOUR
            if not await sightings.take_turn(connection, _TURN, every):
                return
        self._round = asyncio.create_task(self._run_quietly())

    async def close(self) -> None:
        """Give a round up that has begun; the next one does what is left."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def _run_quietly(self) -> None:
        try:
            await self.run()
        except Exception as error:  # noqa: BLE001 - the next round tries again, whatever it was
            log.warning("housekeeping_failed", reason=repr(error))

    async def run(self, *, dry: bool = False) -> Tidied:
        """Do one round.

        Args:
            dry: Only find out what there is to delete.

        Raises:
            UnavailableError: A part does not answer.
        """
        done = Tidied()
        done.jobs = await self._retire(Retention.DELETE_ALL, dry=dry)
        done.audio = await self._retire(Retention.DELETE_AUDIO, dry=dry)
        await self._collect(done, dry=dry)
        if not dry:
            async with self._database.write() as connection:
                await outbox.forget_old(connection, _DELIVERY_DAYS)
                await overdue.release_held_up(connection)
                await idempotency.forget_old_keys(connection)
            await self._database.wipe()
        if done != Tidied(others=done.others) and not dry:
            log.info("housekeeping_done", **vars(done))
        if done.others:
            log.warning("store_is_shared", marks=done.others)
        return done

    async def _retire(self, wanted: Retention, *, dry: bool) -> int:
        count = 0
        default = (self._policy.retention, self._policy.retention_days)
        while True:
            async with self._database.read() as connection:
                most = _ALL if dry else _BATCH
                over = await retention.jobs_over(connection, wanted, default, most)
                # The sweep, which has more urgent things to do, deletes what is there for longer.
                some = await removal.few_enough(connection, [] if dry else list(over))
            if dry:
                return len(over)
            retired = await self._mark({one: over[one] for one in some}, wanted) if some else []
            for job_id in retired:
                await self._delete_objects(job_id, wanted)
            count += len(retired)
            if not retired:
                return count

    async def _mark(self, over: Mapping[str, int], wanted: Retention) -> list[str]:
        """Mark jobs as deleted, or their audio, and return them: their objects come after that.

        All of them together: with a transaction for each there would be hardly a moment in which
        SQLite lets others write. Should the process end before their objects are deleted, the sweep
        or the next round does that.

        Args:
            over: The jobs, and how often each had been resumed when it was found. The time of one
                that somebody has had done again since then begins anew.
            wanted: What is to be deleted.
        """
        async with self._database.write() as connection:
            locked = await lock(connection, over)
            there = await reading.find_jobs(connection, sorted(over))
            retired = [
                job.id
                for job in there
                if locked.job_status[job.id] in TERMINAL_JOB
                and locked.jobs[job.id].resumed == over[job.id]
            ]
            if wanted is Retention.DELETE_ALL:
                await removal.mark_deleted(connection, *retired)
            else:
                await removal.mark_audio_deleted(connection, *retired)
        return retired

    async def _delete_objects(self, job_id: str, wanted: Retention) -> None:
        """Delete all objects of a job that is marked, or those that are audio."""
        folder = job_folder(job_id)
        if wanted is Retention.DELETE_ALL:
            await was_deleted(self._store, folder, self._store.delete_below(folder))
        else:
            # What a killed engine has left of the audio is in no list.
            await was_deleted(self._store, folder, self._store.delete_unfinished(folder))
            await self._delete_audio(await self._store.list(folder))
        log.info("retention_over", job_id=job_id, deleted=wanted.value)

    async def _delete_audio(self, paths: Iterable[str]) -> None:
        for path in paths:
            if _is_audio(path):
                await was_deleted(self._store, path, self._store.delete(path))

    async def _collect(self, done: Tidied, *, dry: bool) -> None:
        unfinished = await asyncio.to_thread(self._store.unfinished)
        # A server that makes its bucket with the first object lists nothing before. And one that is
        # full has no room for a mark, and is tidied all the same.
        markless = not await self._store.answers() or dry
        done.others = await marks_of_others(self._database, self._store, dry=markless)
        orphans: set[str] = set()
        async for by_job in _by_job(self._store):
            orphans |= await self._look_at(by_job, shared=bool(done.others), dry=dry)
        orphans |= await self._left_by_nobody(unfinished, shared=bool(done.others))
        await self._delete_lasting(orphans, set(unfinished), done, dry=dry)

    async def _look_at(
        self, by_job: Mapping[str, Sequence[str]], *, shared: bool, dry: bool
    ) -> set[str]:
        """Return the orphans among the objects of some jobs, and delete audio that is overdue."""
        # After they were listed: a row that was committed since then is seen.
        async with self._database.read() as connection:
            known = await retention.known_jobs(connection, sorted(by_job))
            ended = [job_id for job_id in sorted(by_job) if _has_ended(known.get(job_id))]
            count = await retention.outputs_that_count(connection, ended)
        if not dry:
            without = [job_id for job_id in ended if known[job_id].audio_deleted]
            # Should the process that marked it have died before it had deleted everything.
            await self._delete_audio(path for job_id in without for path in by_job[job_id])
        return {
            orphan
            for job_id, paths in by_job.items()
            if job_id in known or not shared
            for orphan in _orphans(job_id, paths, known.get(job_id), count)
        }

    async def _left_by_nobody(self, unfinished: Sequence[str], *, shared: bool) -> set[str]:
        """Return the unfinished files of which no job at work is known."""
        left: set[str] = set()
        for start in range(0, len(unfinished), _BATCH):
            some = unfinished[start : start + _BATCH]
            async with self._database.read() as connection:
                known = await retention.known_jobs(connection, sorted(set(map(_job_of, some))))
            ours = [path for path in some if _job_of(path) in known or not shared]
            left |= {path for path in ours if not _is_at_work(known.get(_job_of(path)))}
        return left

    async def _delete_lasting(
        self, orphans: set[str], unfinished: set[str], done: Tidied, *, dry: bool
    ) -> None:
        async with self._database.write() as connection:
            lasting = await sightings.note(
                connection,
                _ORPHAN,
                orphans,
                within=_ALWAYS,
                seconds=self._policy.orphan_hours * _HOUR,
            )
        done.unfinished = len(lasting & unfinished)
        done.orphans = len(lasting - unfinished)
        if dry:
            return
        for path in sorted(lasting):
            is_file = path in unfinished
            delete = self._store.delete_unfinished if is_file else self._store.delete_below
            if not await was_deleted(self._store, path, delete(path)):
                done.unfinished -= is_file
                done.orphans -= not is_file
                continue
            log.info("orphan_deleted", path=path)


async def was_deleted(store: ObjectStore, path: str, deleting: Awaitable[object]) -> bool:
    """Wait for something to be deleted; what the store alone refuses must not keep all the rest.

    A bucket may hold some objects by law, and a folder may belong to another user.

    Args:
        store: The store.
        path: What is deleted, for the log.
        deleting: Deletes it.

    Raises:
        StoreUnavailableError: The whole store is away.
    """
    try:
        await deleting
    except StoreUnavailableError as error:
        if not await store.answers():
            raise
        log.warning("not_deleted", path=path, reason=repr(error.__cause__))
        return False
    return True


async def _by_job(store: ObjectStore) -> AsyncIterator[dict[str, list[str]]]:
    """Yield all objects by their jobs, some jobs at a time: all names would fill the memory.

    A listing has the objects of a job in a row. If it hadn't, what is found would be the same.
    """
    some: dict[str, list[str]] = {}
    async for paths in store.list_in_pieces("jobs"):
        for path in paths:
            some.setdefault(_job_of(path), []).append(path)
        if len(some) > _BATCH:
            # The last one may go on in the next piece.
            last, begun = some.popitem()
            yield some
            some = {last: begun}
    if some:
        yield some


def _has_ended(job: KnownJob | None) -> bool:
    return job is not None and job.ended and not job.deleted


def _is_at_work(job: KnownJob | None) -> bool:
    return job is not None and not job.ended


def _orphans(job_id: str, paths: Sequence[str], job: KnownJob | None, count: set[str]) -> set[str]:
    """Return the folders of a job that nothing points at.

    Args:
        job_id: The job.
        paths: Its objects.
        job: What its row says, if there is one.
        count: The outputs that jobs point at.
    """
    if job is None:
        return {job_folder(job_id)} if paths else set()
    if not _has_ended(job):
        # Deleted ones are purged, and one that runs may still point at what is there.
        return set()
    kept = {path.rpartition("/")[0] for path in count}
    folders = {_attempt_folder(path) for path in paths}
    return {folder for folder in folders if folder is not None and folder not in kept}


def _attempt_folder(path: str) -> str | None:
    parts = path.split("/")
    if len(parts) <= _ATTEMPT_PARTS or parts[2] != "tasks":
        return None
    return "/".join(parts[:_ATTEMPT_PARTS])


def _job_of(path: str) -> str:
    return path.split("/")[1] if path.count("/") else ""


def _is_audio(path: str) -> bool:
    """Tell whether an object is the recording or was made of it: all else of ours is JSON."""
    return not path.endswith(".json")
