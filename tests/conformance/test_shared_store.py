"""In a store that another database uses too, housekeeping leaves alone what may be the other's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dalston.common.errors import StoreUnavailableError
from dalston.common.models import new_job_id
from dalston.common.storage import attempt_folder, original_path
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.orchestrator.housekeeping import Housekeeping, Tidied
from dalston.orchestrator.parts import Parts, Policy
from tests.support.board import Board


@pytest.fixture
def policy() -> Policy:
    return Policy(orphan_hours=0.0)


@pytest.fixture
async def beside(parts: Parts, policy: Policy, tmp_path: Path) -> AsyncIterator[Parts]:
    """The parts of another deployment, whose store is the same."""
    database = Database(f"sqlite:///{tmp_path}/beside.db")
    await migrate(database)
    yield Parts(database, parts.queue, parts.events, parts.store, parts.catalog, policy)
    await database.close()


async def put_recording(parts: Parts, job_id: str) -> str:
    path = original_path(job_id, "wav")
    await parts.store.put(path, b"RIFF")
    return path


async def left(parts: Parts) -> list[str]:
    return sorted(await parts.store.list("jobs"))


async def test_recordings_of_another_database_are_left_alone(
    parts: Parts, beside: Parts, board: Board
) -> None:
    await Housekeeping(parts).run()
    ours = await put_recording(parts, board.job_id)
    await board.finish()
    theirs = await put_recording(beside, new_job_id())
    with capture_logs() as logs:
        for keeping in (beside, parts, beside, parts):
            done = await Housekeeping(keeping).run()
            assert (done.orphans, done.unfinished, len(done.others)) == (0, 0, 1)

    assert await left(parts) == sorted([ours, theirs])
    assert [line["event"] for line in logs] == ["store_is_shared"] * 4


async def test_beside_another_database_own_lost_outputs_are_still_deleted(
    parts: Parts, beside: Parts, board: Board
) -> None:
    await Housekeeping(beside).run()
    lost = board.attempt("f" * 12)
    folder = attempt_folder(lost.job_id, lost.task_id, lost.folder)
    await parts.store.put(f"{folder}/output.json", b"{}")
    ours = await put_recording(parts, board.job_id)
    await board.finish()

    await Housekeeping(parts).run(dry=True)
    assert (await Housekeeping(parts).run()).orphans == 1
    assert await left(parts) == [ours]


async def test_what_a_database_left_that_is_gone_is_deleted_without_its_mark(
    parts: Parts, beside: Parts
) -> None:
    await Housekeeping(beside).run(dry=True)
    assert await parts.store.list("databases") == []
    await Housekeeping(beside).run()
    path = await put_recording(beside, new_job_id())
    [mark] = (await Housekeeping(parts).run()).others
    assert await left(parts) == [path]
    await parts.store.delete(mark)

    assert (await Housekeeping(parts).run(dry=True)).others == ()
    assert await Housekeeping(parts).run() == Tidied(orphans=1)
    assert await left(parts) == []


async def test_a_full_store_is_tidied_without_a_mark_in_it(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_recording(parts, new_job_id())

    async def refuse(*_: object) -> None:
        full = StoreUnavailableError("full")
        full.full = True
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "put", refuse)
        assert await Housekeeping(parts).run() == Tidied(orphans=1)
    with capture_logs() as logs:
        await Housekeeping(parts).run()
    assert logs == []
    assert len(await parts.store.list("databases")) == 1


async def test_a_store_that_is_new_to_its_database_is_told_once(parts: Parts) -> None:
    with capture_logs() as logs:
        await Housekeeping(parts).run()
        await Housekeeping(parts).run()
    assert logs == []
    [mark] = await parts.store.list("databases")
    await parts.store.delete(mark)
    with capture_logs() as logs:
        await Housekeeping(parts).run()
        await Housekeeping(parts).run()
    assert [(line["event"], line["log_level"]) for line in logs] == [("store_is_new", "warning")]
    assert await parts.store.list("databases") == [mark]
