"""Housekeeping deletes what is due and what belongs to nothing, and never anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dalston.common.errors import StoreUnavailableError
from dalston.common.messages import Attempt
from dalston.common.models import JobStatus, Retention, new_job_id
from dalston.common.storage import ObjectStore, attempt_folder, job_folder, original_path
from dalston.db import jobs as transitions
from dalston.db import reading, removal, sightings
from dalston.db.locking import lock
from dalston.orchestrator.housekeeping import Housekeeping, Tidied, _by_job
from dalston.orchestrator.main import Orchestrator
from dalston.orchestrator.parts import Parts, Policy
from tests.support.board import Board, new_job
from tests.support.deployment import Deployment

AT_ONCE = Policy(orphan_hours=0.0, retention_days=0.0)


@pytest.fixture
def policy() -> Policy:
    return AT_ONCE


def with_policy(parts: Parts, **changes: object) -> Housekeeping:
    values = {**vars(AT_ONCE), **changes}
    return Housekeeping(
        Parts(
            parts.database,
            parts.queue,
            parts.events,
            parts.store,
            parts.catalog,
            Policy(**values),
        )
    )


class LargeStore:
    """A store that only lists: many jobs, whose objects a page may divide."""

    async def list_in_pieces(self, prefix: str) -> AsyncIterator[list[str]]:
        paths = [f"{prefix}/job_{number:04}/{name}" for number in range(1000) for name in "abc"]
        for start in range(0, len(paths), 100):
            yield paths[start : start + 100]


async def test_only_some_jobs_are_in_memory_at_a_time() -> None:
    store: Any = LargeStore()
    pieces = [piece async for piece in _by_job(store)]
    assert max(map(len, pieces)) < 300
    found = [(job_id, len(paths)) for piece in pieces for job_id, paths in piece.items()]
    assert found == [(f"job_{number:04}", 3) for number in range(1000)]


class KeepingStore(ObjectStore):
    """A store that keeps some objects whatever is asked, as a bucket does by law."""

    kept: Sequence[str] = ()

    async def delete(self, path: str) -> None:
        if path in self.kept:
            raise StoreUnavailableError("The store refuses.")
        await super().delete(path)


def over_keeping_store(parts: Parts, deployment: Deployment) -> tuple[KeepingStore, Parts]:
    store = KeepingStore(deployment.store_settings)
    policy = Policy(orphan_hours=0.0, retention_days=0.0, retention=Retention.DELETE_AUDIO)
    others = (parts.database, parts.queue, parts.events)
    return store, Parts(*others, store, parts.catalog, policy)


async def cancelled_jobs(parts: Parts, count: int) -> list[str]:
    job_ids = sorted(new_job_id() for _ in range(count))
    async with parts.database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id) for job_id in job_ids])
    async with parts.database.write() as connection:
        locked = await lock(connection, job_ids)
        await transitions.cancel_jobs(connection, locked, job_ids)
    await put(parts, *(original_path(job_id, "wav") for job_id in job_ids))
    return job_ids


async def test_what_the_store_keeps_keeps_nothing_else(
    parts: Parts, deployment: Deployment
) -> None:
    store, keeping = over_keeping_store(parts, deployment)
    first, *_ = await cancelled_jobs(keeping, 3)
    await put(keeping, original_path(new_job_id(), "wav"))
    store.kept = [original_path(first, "wav")]

    for _ in range(2):  # an orphan is noted first
        await Housekeeping(keeping).run()

    assert await left(keeping) == store.kept


async def test_a_bucket_that_the_first_object_makes(parts: Parts, deployment: Deployment) -> None:
    bucket = deployment.store_settings.bucket and new_job_id().replace("_", "-")
    store = ObjectStore(msgspec.structs.replace(deployment.store_settings, bucket=bucket))
    others = (parts.database, parts.queue, parts.events)
    fresh = Parts(*others, store, parts.catalog, AT_ONCE)
    assert await Housekeeping(fresh).run() == Tidied()


async def deleted_long_ago(parts: Parts, count: int) -> list[str]:
    """Make jobs that were deleted one after the other."""
    job_ids = await cancelled_jobs(parts, count)
    async with parts.database.write() as connection:
        for second, job_id in enumerate(job_ids):
            await removal.mark_deleted(connection, job_id)
            when = f"'2020-01-01 00:00:{second:02}.000000'"
            await connection.script(f"UPDATE jobs SET deleted_at = {when} WHERE id = '{job_id}'")  # noqa: S608 - our own
    return job_ids


async def test_deleted_jobs_are_purged_beside_one_that_the_store_keeps(
    parts: Parts, deployment: Deployment
) -> None:
    store, keeping = over_keeping_store(parts, deployment)
    job_ids = await deleted_long_ago(keeping, 3)
    store.kept = [original_path(job_ids[0], "wav")]
    await Orchestrator(keeping)._sweep._purge()

    async with keeping.database.read() as connection:
        assert await reading.taken_job_ids(connection, job_ids) == {job_ids[0]}
    assert await left(keeping) == store.kept


async def test_deleted_jobs_are_purged_behind_as_many_as_a_sweep_takes_on(
    parts: Parts, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.orchestrator.sweep._BATCH", 2)
    store, keeping = over_keeping_store(parts, deployment)
    job_ids = await deleted_long_ago(keeping, 5)
    store.kept = [original_path(job_id, "wav") for job_id in job_ids[:2]]
    sweep = Orchestrator(keeping)._sweep
    for _ in range(3):
        await sweep._purge()
    assert await left(keeping) == store.kept

    store.kept = []
    await sweep._purge()
    async with keeping.database.read() as connection:
        assert await reading.taken_job_ids(connection, job_ids) == set()


def is_there(path: Path) -> bool:
    return path.exists()


async def put(parts: Parts, *paths: str) -> None:
    for path in paths:
        await parts.store.put(path, b"{}")


def folder_of(attempt: Attempt) -> str:
    return attempt_folder(attempt.job_id, attempt.task_id, attempt.folder)


async def store_all(parts: Parts, board: Board) -> list[str]:
    """Store what a job of this kind leaves, and return the paths."""
    first, last = board.attempt(), board.attempt(task_id=board.second)
    paths = [
        original_path(board.job_id, "wav"),
        f"{folder_of(first)}/audio.wav",
        f"{folder_of(first)}/chunk-00000.wav",
        f"{folder_of(first)}/output.json",
        f"{folder_of(last)}/output.json",
        f"{job_folder(board.job_id)}/transcript.json",
    ]
    await put(parts, *paths)
    return paths


async def left(parts: Parts) -> list[str]:
    return sorted(await parts.store.list("jobs"))


async def test_by_default_nothing_of_a_job_is_deleted(parts: Parts, board: Board) -> None:
    paths = await store_all(parts, board)
    await board.finish()

    assert await Housekeeping(parts).run() == Tidied()
    assert await left(parts) == sorted(paths)


async def test_audio_is_deleted_and_the_transcript_stays(parts: Parts, board: Board) -> None:
    await store_all(parts, board)
    await board.finish()
    keeping = with_policy(parts, retention=Retention.DELETE_AUDIO)

    assert await keeping.run(dry=True) == Tidied(audio=1)
    assert await keeping.run() == Tidied(audio=1)
    assert await keeping.run() == Tidied()

    assert [path.rpartition("/")[2] for path in await left(parts)] == [
        "output.json",
        "output.json",
        "transcript.json",
    ]
    job = await board.job()
    assert job.audio_deleted_at is not None
    assert job.status is JobStatus.COMPLETED


async def test_audio_that_a_dead_process_left_is_deleted(parts: Parts, board: Board) -> None:
    await store_all(parts, board)
    await board.finish()
    keeping = with_policy(parts, retention=Retention.DELETE_AUDIO)
    await keeping.run()
    await put(parts, original_path(board.job_id, "wav"))

    await keeping.run()

    assert not [path for path in await left(parts) if path.endswith(".wav")]


async def test_a_job_is_deleted_with_every_object(parts: Parts, board: Board) -> None:
    await store_all(parts, board)
    await board.finish()

    done = await with_policy(parts, retention=Retention.DELETE_ALL).run()

    assert done == Tidied(jobs=1)
    assert await left(parts) == []
    async with board.database.read() as connection:
        assert await reading.find_job(connection, board.job_id) is None


@pytest.mark.parametrize("policy", [Retention.DELETE_ALL, Retention.DELETE_AUDIO])
async def test_a_job_that_runs_or_is_not_old_enough_is_left_alone(
    parts: Parts, board: Board, policy: Retention
) -> None:
    paths = await store_all(parts, board)
    assert await with_policy(parts, retention=policy).run() == Tidied()
    await board.finish()
    assert await with_policy(parts, retention=policy, retention_days=1.0).run() == Tidied()

    assert await left(parts) == sorted(paths)


async def test_what_a_job_asks_for_wins_over_the_default(parts: Parts, board: Board) -> None:
    wishes = [
        (Retention.KEEP, None),
        (Retention.DELETE_ALL, 0.0),
        (Retention.DELETE_ALL, 5.0),
        (None, 5.0),
        (None, None),
    ]
    jobs = [
        msgspec.structs.replace(new_job(new_job_id()), retention=kind, retention_days=days)
        for kind, days in wishes
    ]
    async with board.database.write() as connection:
        await transitions.create_jobs(connection, jobs)
    for job in jobs:
        await put(parts, job.audio_path)
        board.job_id = job.id
        await board.cancel()

    await with_policy(parts, retention=Retention.DELETE_AUDIO).run()

    there = {path.split("/")[1] for path in await left(parts)}
    assert [job.id in there for job in jobs] == [True, False, True, True, False]


async def test_uploads_whose_job_never_was_are_deleted_after_a_while(
    parts: Parts, board: Board
) -> None:
    paths = await store_all(parts, board)
    orphan = original_path(new_job_id(), "wav")
    await put(parts, orphan)

    patient = with_policy(parts, orphan_hours=24.0)
    assert await patient.run() == Tidied()
    assert orphan in await left(parts)
    done = await Housekeeping(parts).run()

    assert done == Tidied(orphans=1)
    assert await left(parts) == sorted(paths)


async def test_an_upload_whose_row_comes_meanwhile_stays(parts: Parts, board: Board) -> None:
    late = new_job(new_job_id())
    await put(parts, late.audio_path)
    await with_policy(parts, orphan_hours=24.0).run()
    async with board.database.write() as connection:
        await transitions.create_jobs(connection, [late])

    assert await Housekeeping(parts).run() == Tidied()
    assert late.audio_path in await left(parts)


async def test_outputs_of_lost_attempts_are_deleted_once_the_job_has_ended(
    parts: Parts, board: Board
) -> None:
    paths = await store_all(parts, board)
    lost = board.attempt("f" * 12)
    await put(parts, f"{folder_of(lost)}/output.json", f"{folder_of(lost)}/audio.wav")
    assert await Housekeeping(parts).run() == Tidied()
    await board.finish()

    assert await Housekeeping(parts).run() == Tidied(orphans=1)
    assert await left(parts) == sorted(paths)


async def test_what_an_earlier_version_points_at_is_no_orphan(parts: Parts, board: Board) -> None:
    paths = await store_all(parts, board)
    await board.finish()
    await board.rerun()
    new = board.attempt("b" * 12, task_id=await board.plan_again())
    await put(parts, f"{folder_of(new)}/output.json")
    await board.complete(new)
    await board.move_on(new.task_id)
    assert (await board.job()).status is JobStatus.COMPLETED

    assert await Housekeeping(parts).run() == Tidied()
    assert await left(parts) == sorted([*paths, f"{folder_of(new)}/output.json"])


async def test_what_a_killed_writer_left_in_a_folder_is_deleted(
    parts: Parts, board: Board, deployment: Deployment
) -> None:
    """A bucket keeps such parts to itself."""
    folder = deployment.store_settings.folder
    if folder is None or deployment.store_settings.bucket is not None:
        assert list(parts.store.unfinished()) == []
        return
    running = Path(folder, f"{original_path(board.job_id, 'wav')}#1")
    orphan = Path(folder, f"{original_path(new_job_id(), 'wav')}#12")
    for path in (running, orphan):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
    assert await left(parts) == []

    assert await with_policy(parts, orphan_hours=24.0).run() == Tidied()
    assert is_there(orphan)
    assert await Housekeeping(parts).run() == Tidied(unfinished=1)

    assert not is_there(orphan.parent)
    assert is_there(running), "its job still runs: an engine may be writing"
    await board.finish()
    assert await Housekeeping(parts).run() == Tidied(unfinished=1)
    assert not is_there(running)


async def test_one_of_many_takes_the_turn(board: Board) -> None:
    async def turn(every: float) -> bool:
        async with board.database.write() as connection:
            return await sightings.take_turn(connection, "tidy", every)

    assert [await turn(3600.0), await turn(3600.0), await turn(0.0)] == [True, False, True]


async def test_a_clock_that_was_ahead_holds_up_nothing(board: Board) -> None:
    later = "'2999-01-01 00:00:00.000000'"
    async with board.database.write() as connection:
        await sightings.take_turn(connection, "tidy", 3600.0)
        await sightings.note(connection, "gone: ", ["one"], within=60.0, seconds=0.0)
        await connection.script(f"UPDATE sightings SET last_at = {later}")  # noqa: S608 - a constant
    async with board.database.write() as connection:
        assert await sightings.take_turn(connection, "tidy", 3600.0)
        await sightings.note(connection, "gone: ", ["one"], within=60.0, seconds=0.0)
    async with board.database.write() as connection:
        assert not await sightings.take_turn(connection, "tidy", 3600.0)


async def test_what_is_seen_without_a_break_is_told_from_what_is_not(board: Board) -> None:
    async def look(*names: str, within: float = 60.0, seconds: float = 0.0) -> set[str]:
        async with board.database.write() as connection:
            return await sightings.note(connection, "gone: ", names, within=within, seconds=seconds)

    assert await look("one", "two", seconds=60.0) == set()
    assert await look("one", "two") == {"one", "two"}
    assert await look("one") == {"one"}
    assert await look("one", "two", seconds=0.0) == {"one", "two"}
    async with board.database.write() as connection:
        long_ago = "'2020-01-01 00:00:00.000000'"
        await connection.script(f"UPDATE sightings SET first_at = {long_ago}, last_at = {long_ago}")  # noqa: S608 - a constant
    # Nobody looked for so long that it may have come and gone.
    assert await look("one", within=1e9, seconds=60.0) == {"one"}
    async with board.database.write() as connection:
        await connection.script(f"UPDATE sightings SET last_at = {long_ago}")  # noqa: S608 - likewise
    assert await look("one", within=60.0, seconds=60.0) == set()
