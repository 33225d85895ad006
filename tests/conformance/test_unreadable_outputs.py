"""An object that is broken, or that the store doesn't give, holds up its own job and no other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dalston.common.engine_spec import Needs
from dalston.common.errors import ObjectMissingError, StoreUnavailableError
from dalston.common.messages import (
    Attempt,
    Event,
    JobResumed,
    QueueEntry,
    TaskCompleted,
    TaskErrored,
)
from dalston.common.models import PlannedTask, new_job_id, new_task_id
from dalston.common.storage import ObjectStore, StoreSettings, output_path, transcript_path
from dalston.db import jobs as transitions
from dalston.db.journal import note
from dalston.db.locking import lock
from dalston.db.reading import history_of
from dalston.db.transcripts import Transcript
from dalston.engine_sdk.folders import FolderPool
from dalston.engine_sdk.io import fetch_inputs
from dalston.orchestrator import preparation
from dalston.orchestrator.batches import Batch
from dalston.orchestrator.handlers import apply
from dalston.orchestrator.parts import Parts
from dalston.orchestrator.preparation import prepare
from dalston.orchestrator.scheduler import Scheduler, as_event
from dalston.orchestrator.sweep import Sweep
from dalston.orchestrator.transcripts import TranscriptObjects
from tests.support.board import Board, new_job
from tests.support.deployment import Deployment

WHOLE = b'{"duration": 2.0, "channels": 1, "sample_rate": 16000}'
BROKEN = [b"", b'{"duration": 2', bytes(20), b"[]"]


class RefusingStore(ObjectStore):
    """A real store that doesn't give one of its objects, nor copies it, or is away as a whole."""

    def __init__(self, settings: StoreSettings) -> None:
        super().__init__(settings)
        self.refused: str | None = None
        self.away = False
        self.back_after: int | None = None

    async def check(self) -> None:
        """Answer, unless it is away."""
        if self.away:
            raise StoreUnavailableError("It is away.")
        await super().check()

    async def get(self, path: str) -> bytes:
        """Read an object, but not that one."""
        self._refuse(path)
        return await super().get(path)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object, but not that one."""
        self._refuse(source)
        await super().copy(source, target)

    def _refuse(self, path: str) -> None:
        if path == self.refused:
            if self.back_after == 0:
                return
            self.back_after = None if self.back_after is None else self.back_after - 1
            raise StoreUnavailableError("Not that one.")


@pytest.fixture
def store(deployment: Deployment) -> RefusingStore:
    return RefusingStore(deployment.store_settings)


def path_of(attempt: Attempt) -> str:
    return output_path(attempt.job_id, attempt.task_id, attempt.folder)


async def cut_job(board: Board) -> Attempt:
    """Make a job of which the recording is being cut, and return the attempt."""
    job_id, task_id = new_job_id(), new_task_id()
    plan = [PlannedTask(task_id, "prepare", 0, "cutter", {}, expands=True)]
    attempt = Attempt(job_id=job_id, task_id=task_id, hand_out=1, token="a" * 12, instance="one")
    async with board.database.write() as connection:
        await transitions.create_jobs(connection, [new_job(job_id)])
        locked = await lock(connection, [job_id], [task_id])
        await transitions.start_jobs(connection, locked, {job_id: plan})
    async with board.database.write() as connection:
        locked = await lock(connection, [job_id], [task_id])
        await transitions.start_attempts(connection, locked, [attempt])
    return attempt


async def resumed_job(board: Board) -> Attempt:
    """Make a job that goes on from what had been cut, and return the attempt that cut it."""
    attempt = await cut_job(board)
    async with board.database.write() as connection:
        locked = await lock(connection, [attempt.job_id], [attempt.task_id])
        await transitions.complete_tasks(connection, locked, [attempt])
    return attempt


@pytest.mark.parametrize("stored", BROKEN)
async def test_a_cut_that_can_not_be_read_is_made_again(
    parts: Parts, board: Board, stored: bytes
) -> None:
    good, bad = await cut_job(board), await cut_job(board)
    await parts.store.put(path_of(good), WHOLE)
    await parts.store.put(path_of(bad), stored)
    batch = Batch(events=[as_event(TaskCompleted, one, expands=True) for one in (good, bad)])

    await prepare(parts, batch)

    first, second = batch.events
    assert isinstance(first, TaskCompleted)
    assert isinstance(second, TaskErrored)
    assert (second.error.code, second.error.retryable) == ("object_unreadable", True)
    assert [part.end for part in batch.parts[good.task_id]] == [2.0]


@pytest.mark.parametrize("away", [True, False])
async def test_an_outcome_that_the_store_does_not_give_holds_up_no_other(
    parts: Parts, board: Board, store: RefusingStore, *, away: bool
) -> None:
    good, bad = await cut_job(board), await cut_job(board)
    for one in (good, bad):
        await store.put(path_of(one), WHOLE)
    store.refused, store.away = path_of(bad), away
    batch = Batch(events=[as_event(TaskCompleted, one, expands=True) for one in (good, bad)])

    await prepare(parts, batch)

    kinds = [(event.job_id, type(event)) for event in batch.events]
    assert kinds[0] == (good.job_id, TaskCompleted)
    # With the store away the sweep finds the outcome again; otherwise the task is tried again.
    assert kinds[1:] == ([] if away else [(bad.job_id, TaskErrored)])


async def test_a_store_that_was_away_for_a_moment_is_blamed_on_nobody(
    parts: Parts, board: Board, store: RefusingStore
) -> None:
    cut, kept = await cut_job(board), await resumed_job(board)
    for one in (cut, kept):
        await store.put(path_of(one), WHOLE)
    for one in (cut, kept):
        store.refused, store.back_after = path_of(one), 1
        event = JobResumed(kept.job_id) if one is kept else None
        batch = Batch(events=[event or as_event(TaskCompleted, cut, expands=True)])
        await prepare(parts, batch)
        assert set(batch.parts) == {one.task_id}
        assert not batch.gone


@pytest.mark.parametrize("away", [True, False])
async def test_of_jobs_that_go_on_only_those_whose_cut_can_not_be_read_fail(
    parts: Parts, board: Board, store: RefusingStore, *, away: bool
) -> None:
    good, refused, broken = [await resumed_job(board) for _ in range(3)]
    for one, stored in ((good, WHOLE), (refused, WHOLE), (broken, b"")):
        await store.put(path_of(one), stored)
    store.refused, store.away = path_of(refused), away
    batch = Batch(events=[JobResumed(one.job_id) for one in (refused, broken, good)])

    await prepare(parts, batch)

    assert set(batch.parts) == {good.task_id}
    codes = {job_id: failure.code for job_id, failure in batch.gone.items()}
    expected = {broken.job_id: "object_missing"}
    assert codes == (expected if away else expected | {refused.job_id: "object_unreadable"})


@pytest.mark.parametrize("away", [True, False])
async def test_a_lost_attempt_counts_as_finished_only_with_a_whole_output(
    parts: Parts, board: Board, store: RefusingStore, *, away: bool
) -> None:
    whole, empty, none, refused = [await cut_job(board) for _ in range(4)]
    for one, stored in ((whole, WHOLE), (empty, b""), (refused, WHOLE)):
        await store.put(path_of(one), stored)
    store.refused, store.away = path_of(refused), away
    seen: list[Batch] = []

    async def process(batch: Batch) -> None:
        seen.append(batch)

    transcripts, scheduler = TranscriptObjects(parts), Scheduler(parts.database, parts.queue)
    taking_back = Sweep(parts, scheduler, transcripts, process).take_back("one")
    if away:
        # Whoever takes back waits for the store, and doesn't leave it to the lease's end.
        with pytest.raises(StoreUnavailableError):
            await taking_back
    else:
        await taking_back

    [batch] = seen
    finished: list[Event] = list(batch.events)
    assert [event.job_id for event in finished] == [whole.job_id]
    charged = {empty, none} if away else {empty, none, refused}
    assert {item.attempt for item in batch.returned} == charged


async def test_a_transcript_that_could_not_be_copied_is_copied_later(
    parts: Parts, board: Board, store: RefusingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "_COPY_PAUSES", (0.0, 0.0))
    await board.complete(board.attempt())
    await board.move_on(board.first)
    last = board.attempt(task_id=board.second)
    await store.put(path_of(last), b'{"text":"all of it"}')
    store.refused = path_of(last)
    batch = Batch(events=[as_event(TaskCompleted, last, final=True)])
    await prepare(parts, batch)
    async with parts.database.write() as connection:
        effects = await apply(connection, parts.catalog, batch)
    assert list(effects.ended) == [board.job_id]
    objects = TranscriptObjects(parts)
    objects.doubt(effects.doubtful)

    await objects.add_forgotten()
    await objects.finish(10.0)
    with pytest.raises(ObjectMissingError):
        await store.get(transcript_path(board.job_id))
    store.refused = None
    await objects.add_forgotten()
    await objects.finish(10.0)

    assert await store.get(transcript_path(board.job_id)) == b'{"text":"all of it"}'


async def test_a_transcript_that_the_store_refuses_keeps_no_other_from_being_put(
    parts: Parts, store: RefusingStore, board: Board
) -> None:
    await board.finish()
    store.refused = "jobs/x/output.json"
    objects = TranscriptObjects(parts)
    for _ in range(10):
        objects.add([Transcript("job_x", 1, path=store.refused)])
        objects.add([Transcript(board.job_id, 1, '{"text":"there"}')])
        await objects.finish(10.0)
    assert await store.get(transcript_path(board.job_id)) == b'{"text":"there"}'
    assert objects._tries == {}


async def test_what_can_not_be_handled_is_said_once(board: Board) -> None:
    for _ in range(3):
        async with board.database.write() as connection:
            await note(connection, board.job_id, None, "a message could not be handled")
    async with board.database.read() as connection:
        history = await history_of(connection, board.job_id)
    assert sum(row.why == "a message could not be handled" for row in history) == 1


async def test_an_engine_is_not_given_an_input_that_is_broken(
    store: RefusingStore, tmp_path: Path
) -> None:
    await store.put("jobs/a/tasks/b/c/output.json", b"")
    entry = QueueEntry(
        task_id="task_1",
        hand_out=1,
        job_id="a",
        engine_id="one",
        stage="merge",
        audio="jobs/a/audio/original.wav",
        audio_bytes=1,
        inputs={"transcribe": "jobs/a/tasks/b/c/output.json"},
        config={},
    )
    folder = FolderPool(tmp_path, "one").take()
    with pytest.raises(ObjectMissingError, match="can't be read any more"):
        await fetch_inputs(store, entry, folder, {}, msgspec.convert({"audio": False}, Needs))
