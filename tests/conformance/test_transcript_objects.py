"""The copy of a transcript that people find is that of the newest version, whoever puts it last."""

from __future__ import annotations

import pytest

from dalston.common.messages import Attempt
from dalston.common.storage import output_path, transcript_path
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.transcripts import Transcript
from dalston.orchestrator.parts import Parts
from dalston.orchestrator.transcripts import TranscriptObjects
from tests.support.board import Board


async def complete(board: Board, attempt: Attempt, small: dict[Attempt, str]) -> None:
    async with board.database.write() as connection:
        locked = await lock(connection, [board.job_id], [attempt.task_id])
        await transitions.complete_tasks(connection, locked, [attempt], small)
    await board.move_on(attempt.task_id)


async def rerun(board: Board) -> Attempt:
    assert await board.rerun()
    return board.attempt("b" * 12, task_id=await board.plan_again())


async def put(objects: TranscriptObjects) -> None:
    """Put all that waits, and what turns out to have been overtaken."""
    for _ in range(2):
        await objects.finish(10.0)
        await objects.add_forgotten()
    await objects.finish(10.0)


async def lies_there(parts: Parts, board: Board) -> bytes:
    return await parts.store.get(transcript_path(board.job_id))


@pytest.mark.parametrize("small", [False, True])
async def test_an_old_transcript_that_comes_last_is_replaced(
    parts: Parts, board: Board, *, small: bool
) -> None:
    await complete(board, board.attempt(), {})
    first = board.attempt(task_id=board.second)
    await complete(board, first, {first: '{"text":"old"}'})
    new = await rerun(board)
    if small:
        await complete(board, new, {new: '{"text":"new"}'})
        other = TranscriptObjects(parts)
        other.add([Transcript(board.job_id, 2, '{"text":"new"}')])
        await put(other)
    else:
        path = output_path(new.job_id, new.task_id, new.folder)
        await parts.store.put(path, b'{"text":"new"}')
        await parts.store.copy(path, transcript_path(board.job_id))
        await complete(board, new, {})
    pointer = (await board.job()).transcript_path

    late = TranscriptObjects(parts)
    late.add([Transcript(board.job_id, 1, '{"text":"old"}')])
    await put(late)

    assert await lies_there(parts, board) == b'{"text":"new"}'
    assert (await board.job()).transcript_path == pointer


async def test_an_old_transcript_is_replaced_once_the_rerun_has_ended(
    parts: Parts, board: Board
) -> None:
    await complete(board, board.attempt(), {})
    first = board.attempt(task_id=board.second)
    await complete(board, first, {first: '{"text":"old"}'})
    new = await rerun(board)
    path = output_path(new.job_id, new.task_id, new.folder)
    await parts.store.put(path, b'{"text":"new"}')
    # As it is done in front of the transaction.
    await parts.store.copy(path, transcript_path(board.job_id))

    late = TranscriptObjects(parts)
    late.add([Transcript(board.job_id, 1, '{"text":"old"}')])
    await put(late)
    assert (await board.job()).transcript_path is None
    await complete(board, new, {})
    await put(late)

    assert await lies_there(parts, board) == b'{"text":"new"}'
