"""Nobody waits behind a long recording for longer than its chunk in progress takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from dalston.common.leases import LeaseState
from dalston.common.models import new_job_id
from dalston.common.redis import LEASES, queue_key
from dalston.db import jobs as transitions
from dalston.db.reading import find_job, tasks_of
from dalston.db.session import Database
from tests.pipeline.test_fan_out import ENGINES, runs, settings, statuses
from tests.support.board import new_job
from tests.support.deployment import Deployment
from tests.support.keys import in_database
from tests.support.stack import Stack, running
from tests.support.waiting import until

TRANSCRIBER = "part-transcriber"
LONG, HELD = 400, 5
MOST_ENTRIES = 2 + 1 + 64
"""The window of one slot of a very quick engine: the chunks before the held one took no time."""


def test_short_clips_start_when_the_chunk_in_progress_ends(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / f"hold-{HELD}").touch()
        long = stack.submit(str(LONG).encode())
        until(lambda: HELD in runs(tmp_path), "the long recording to be at the held chunk")
        until(lambda: len(stack.read(long)["tasks"]) > LONG, "all its chunks to be planned")
        # Before, it claimed more of them ahead, since they took no time.
        until(lambda: ahead(deployment) <= 1, "its engine to hand back what it can't do soon")

        clips = [stack.submit(b"1"), submit_for_another_owner(deployment, b"1")]
        wanted = {transcription(deployment, clip) for clip in clips}
        until(lambda: set(queued(deployment)[:2]) == wanted, "the clips to be the next in turn")
        assert len(queued(deployment)) <= MOST_ENTRIES
        (tmp_path / f"hold-{HELD}").unlink()
        ended = {"completed"}
        until(lambda: {status(deployment, clip) for clip in clips} == ended, "the clips to end")

        order = in_order(tmp_path)
        last_clip = len(order) - 1 - order[::-1].index(0)
        between = [number for number in order[:last_clip] if number > HELD]
        # One may have been claimed when the clips came.
        assert len(between) <= 1, between
        stack.ended(long, 90)


def test_redis_holds_few_entries_while_many_chunks_wait(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *ENGINES, **settings(tmp_path)) as stack:
        (tmp_path / "hold-0").touch()
        many = [stack.submit(b"500") for _ in range(4)]
        wait_for_chunks(stack, *many)
        redis = deployment.redis()
        before = len(redis.keys("*"))
        more = stack.submit(b"500")
        wait_for_chunks(stack, more)

        assert len(queued(deployment)) <= MOST_ENTRIES
        # Of each job its leases that expire and one set, whatever its length.
        assert len(redis.keys("*")) <= before + 5


def wait_for_chunks(stack: Stack, *job_ids: str) -> None:
    until(
        lambda: all(len(statuses(stack, job_id, "transcribe")) == 500 for job_id in job_ids),
        "all chunks to be planned",
        60,
    )


def queued(deployment: Deployment) -> list[str]:
    """Return the tasks in the transcriber's queue, the next one first."""
    entries = deployment.redis().lrange(queue_key(TRANSCRIBER), 0, -1)
    return [msgspec.json.decode(entry)["task_id"] for entry in reversed(entries)]


def ahead(deployment: Deployment) -> int:
    """Return how many tasks are claimed and wait for their turn."""
    redis = deployment.redis()
    states = [redis.hget(key, "state") for key in redis.keys(f"{LEASES}*")]
    return states.count(LeaseState.PREFETCH.value.encode())


def transcription(deployment: Deployment, job_id: str) -> str:
    """Wait until a clip, whosever it is, is cut, and return the task that transcribes it."""

    def found() -> str | None:
        tasks = in_database(deployment, lambda connection: tasks_of(connection, [job_id]))[job_id]
        return next((task.id for task in tasks if task.stage == "transcribe"), None)

    return until(found, "a clip to be cut")


def status(deployment: Deployment, job_id: str) -> str:
    """Return the status of a job, whosever it is."""
    job = in_database(deployment, lambda connection: find_job(connection, job_id))
    return "" if job is None else str(job.status.value)


def in_order(folder: Path) -> list[int]:
    """Return the chunks' numbers in the order in which their transcription began.

    The only chunk of a clip has the number 0.
    """
    began = [path.name.split(".") for path in folder.glob("*.part")]
    return [int(number) for number, _, _, _ in sorted(began, key=lambda parts: int(parts[2]))]


def submit_for_another_owner(deployment: Deployment, audio: bytes) -> str:
    """Submit a recording as a server would that knows its users apart."""
    job = msgspec.structs.replace(new_job(new_job_id(), owner="other"), pipeline="chunks")

    async def submit() -> None:
        await deployment.store().put(job.audio_path, audio)
        database = Database(deployment.database_url)
        async with database.write() as connection:
            await transitions.create_jobs(connection, [job])
        await database.close()

    asyncio.run(submit())
    return job.id
