"""Small outputs of quick tasks have no object: the lease keeps them until their row does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from dalston.common.redis import lease_key, queue_key
from dalston.common.storage import transcript_path
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, jobs
from dalston.db.session import Database
from dalston.db.transcripts import small_transcripts
from tests.support.deployment import Deployment
from tests.support.stack import Stack, running
from tests.support.waiting import until


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[Stack]:
    """A gateway; the rest is started by the test."""
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        stack.gateway()
        yield stack


def objects(stack: Stack, job_id: str) -> list[str]:
    """Return the names of a job's objects, without those of its recording."""
    paths = asyncio.run(stack.deployment.store().list(f"jobs/{job_id}"))
    return [path for path in paths if "/audio/" not in path]


def completions(stack: Stack, job_id: str) -> list[str]:
    """Return which tasks were completed, once for each time that one was."""
    history = stack.read(job_id, include="history")["history"]
    return [row["task_id"] for row in history if row["task_id"] and row["to_status"] == "completed"]


def test_an_output_that_only_its_runner_knows_survives_a_wiped_redis(
    stack: Stack, silence: Path
) -> None:
    first = stack.start("orchestrator")
    job_id = stack.submit(silence)
    redis = stack.deployment.redis()
    until(lambda: redis.llen(queue_key("stub-transcriber")), "the task to be published")
    task_id = stack.read(job_id)["tasks"][0]["id"]
    assert first.stop() == 0
    stack.start("engine", "run", "stub-transcriber")
    until(
        lambda: b"This is a stub transcript" in (redis.hget(lease_key(task_id), "outcome") or b""),
        "the output to be in the lease",
    )
    redis.flushall()

    stack.start("orchestrator")
    stack.start("engine", "run", "stub-merger")
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert [task["attempt"] for task in job["tasks"]] == [1, 1]
    assert completions(stack, job_id) == [task["id"] for task in job["tasks"]]


def test_a_transcript_in_a_row_gets_its_object_even_if_that_was_forgotten(
    stack: Stack, silence: Path
) -> None:
    stack.start("orchestrator")
    for engine in ("stub-transcriber", "stub-merger"):
        stack.start("engine", "run", engine)
    job_id = stack.submit(silence)
    job = stack.ended(job_id)
    path = transcript_path(job_id)
    until(lambda: objects(stack, job_id) == [path], "the transcript to have its object")
    until(lambda: asyncio.run(is_noted(stack.deployment, job_id)), "the row to say so")
    asyncio.run(forget_object(stack.deployment, job_id, path))
    # The answer comes from the row.
    assert stack.read(job_id)["text"] == job["text"]

    until(lambda: objects(stack, job_id) == [path], "the sweep to put it again", 30)

    stored = json.loads(asyncio.run(stack.deployment.store().get(path)))
    assert {name: job[name] for name in stored} == stored
    until(lambda: asyncio.run(is_noted(stack.deployment, job_id)), "the row to say so again")


async def forget_object(deployment: Deployment, job_id: str, path: str) -> None:
    """Leave what an orchestrator leaves that dies just after it has completed a job."""
    database = Database(deployment.database_url)
    forget = (jobs.update().where(jobs.c.id == job_id).values(transcript_path=None)).values(
        completed_at=DatabaseAgo(60.0)
    )
    async with database.write() as connection:
        await connection.fetch(compile_statement(forget))
    await deployment.store().delete(path)
    async with database.read() as connection:
        assert job_id in await small_transcripts(connection, [job_id])
    await database.close()


async def is_noted(deployment: Deployment, job_id: str) -> bool:
    """Tell whether a job's row says that its transcript has an object."""
    path = select(jobs.c.transcript_path).where(jobs.c.id == job_id)
    database = Database(deployment.database_url)
    async with database.read() as connection:
        row = await connection.fetch_one(compile_statement(path))
    await database.close()
    return row is not None and row.transcript_path is not None
