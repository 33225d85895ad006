"""What is told of a job is made once, however many listen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, nullcontext
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dalston.common.access import LOCAL_OWNER
from dalston.common.messages import Attempt
from dalston.common.models import JobStatus, Part, PlannedTask, Task, TaskStatus, new_task_id
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.reopening import retry_job
from dalston.gateway.parts import Parts
from dalston.gateway.services.feeds import Feed, Feeds, Place
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.watching import JobState, Watched
from tests.support.board import new_job
from tests.support.gateway import WatchedDatabase, stored_job


async def first_news(events: AsyncIterator[bytes]) -> bytes:
    async for news in events:
        if news:
            return news
    raise AssertionError("it has ended")


async def test_a_thousand_listeners_cost_the_database_no_more_than_one(
    parts: Parts, database: WatchedDatabase
) -> None:
    job = await stored_job(parts)
    async with database.write() as connection:
        await transitions.create_jobs(connection, [job])
    service = JobService(parts)
    feeds = Feeds(service, parts.store)
    async with AsyncExitStack() as listeners:
        before = database.reads
        told = []
        for _ in range(1000):
            feed = await listeners.enter_async_context(feeds.of(LOCAL_OWNER, job.id))
            told.append(feed.events(Place()))

        assert len({await one for one in asyncio.as_completed(map(first_news, told))}) == 1
        assert database.reads - before < 10
        for one in told:
            await one.aclose()
    await service.close()


async def test_a_result_that_is_no_transcript_ends_a_feed_as_any_other() -> None:
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.COMPLETED)
    view = JobView(job, [], {}, {"segments": msgspec.Raw(b'[{"start": 1}]')})

    async def read(_owner: str, _job_id: str) -> JobView:
        return view

    service: Any = SimpleNamespace(
        watch=SimpleNamespace(watch=lambda _: nullcontext(Watched())), look=read, read=read
    )
    store: Any = None
    feed = Feed(service, store, LOCAL_OWNER, job.id)
    await asyncio.wait_for(feed.run(), 10)
    [told] = [news async for news in feed.events(Place())]
    assert told.startswith(b"id: 0-end\nevent: status\n")


async def test_who_is_slow_when_the_job_ends_hears_its_end_all_the_same() -> None:
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.RUNNING)
    view = JobView(job, [], {})
    watched = Watched()

    async def read(_owner: str, _job_id: str) -> JobView:
        return view

    service: Any = SimpleNamespace(
        watch=SimpleNamespace(watch=lambda _: nullcontext(watched)), look=read, read=read
    )
    store: Any = None
    feed = Feed(service, store, LOCAL_OWNER, job.id)
    following = asyncio.create_task(feed.run())
    told = []
    async for news in feed.events(Place()):
        told.append(news)
        if b'"running"' in news:
            # Before this is sent the job has ended, and all of that has been told.
            ended = msgspec.structs.replace(job, status=JobStatus.COMPLETED)
            segments = msgspec.Raw(b'[{"start": 0.0, "end": 1.0, "text": "Last words."}]')
            view = JobView(ended, [], {}, {"text": msgspec.Raw(b'"x"'), "segments": segments})
            watched.tell(JobState(JobStatus.COMPLETED))
            await asyncio.wait_for(following, 10)
    assert b"Last words." in told[-1]
    assert b'"completed"' in told[-1]


@pytest.mark.parametrize(
    ("start", "end"), [(2.0, 2.0), (0.5, 0.6)], ids=["takes no time", "ends before another"]
)
async def test_a_chunks_last_segment_is_told_once(start: float, end: float) -> None:
    segments = msgspec.json.encode(
        [{"start": 0.0, "end": 1.5, "text": "One."}, {"start": start, "end": end, "text": "Two."}]
    )
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.RUNNING)
    part = Part("chunk-00000.wav", 0.0, 2.0, 0.0, 2.0)
    task = Task(
        *("task_0", job.id, "transcribe", 0, "whisper", TaskStatus.COMPLETED, 1, {}),
        output_path="output.json",
        part=part,
    )
    view = JobView(job, [task], {})
    watched = Watched()

    async def read(_owner: str, _job_id: str) -> JobView:
        return view

    async def get(_path: str) -> bytes:
        return b'{"segments": %s}' % segments

    service: Any = SimpleNamespace(
        watch=SimpleNamespace(watch=lambda _: nullcontext(watched)), look=read, read=read
    )
    store: Any = SimpleNamespace(get=get)
    feed = Feed(service, store, LOCAL_OWNER, job.id)
    following = asyncio.create_task(feed.run())
    told = b""
    async for news in feed.events(Place()):
        told += news
        if b'"running"' in news:
            ended = msgspec.structs.replace(job, status=JobStatus.COMPLETED)
            fields = {"text": msgspec.Raw(b'"x"'), "segments": msgspec.Raw(segments)}
            view = JobView(ended, [task], {}, fields)
            watched.tell(JobState(JobStatus.COMPLETED))
            await asyncio.wait_for(following, 10)
    assert [told.count(text) for text in (b"One.", b"Two.")] == [1, 1]


@pytest.mark.parametrize(
    "place",
    [Place(1), Place(3, 61_250), Place(2, final=12), Place(4, over=True)],
    ids=str,
)
def test_an_id_brings_its_place_back(place: Place) -> None:
    assert Place.read(str(place)) == place


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "1-f", "-1-2", "1-2-3", "1-end-2", "१-२", "9" * 40]
)
def test_any_other_id_is_the_beginning(text: str) -> None:
    assert Place.read(text) == Place()


async def test_progress_never_goes_back_when_a_job_goes_on(parts: Parts) -> None:
    """What is to be done again has no tasks until it is planned, and counts all the same."""
    job = await stored_job(parts)
    heard, unheard, again = new_task_id(), new_task_id(), new_task_id()
    chunks = [Part(f"{n}.wav", n, n + 1.0, n, n + 1.0) for n in range(2)]
    plan = [
        PlannedTask(heard, "transcribe", 0, "one", {}, part=chunks[0]),
        PlannedTask(unheard, "transcribe", 1, "one", {}, part=chunks[1]),
    ]
    async with parts.database.write() as connection:
        await transitions.create_jobs(connection, [job])
        locked = await lock(connection, [job.id])
        await transitions.start_jobs(connection, locked, {job.id: plan})
    attempt = Attempt(job_id=job.id, task_id=heard, hand_out=1, token="a" * 12, instance="one-a")
    async with parts.database.write() as connection:
        locked = await lock(connection, [job.id], [heard])
        await transitions.complete_tasks(connection, locked, [attempt])
        await transitions.cancel_jobs(connection, locked, [job.id])
        await retry_job(connection, locked, job.id, [unheard])
    service = JobService(parts)
    told = b""
    async with (
        Feeds(service, parts.store).of(LOCAL_OWNER, job.id) as feed,
        asyncio.timeout(30),
        aclosing(feed.events(Place())) as events,
    ):
        async for news in events:
            told += news
            if b'"running"' in told:
                break
            if b'"pending"' in news:
                plan = [PlannedTask(again, "transcribe", 1, "one", {}, part=chunks[1])]
                async with parts.database.write() as connection:
                    locked = await lock(connection, [job.id])
                    await transitions.start_jobs(connection, locked, {job.id: plan})
    await service.close()
    fractions = [float(found) for found in re.findall(rb'"fraction":([0-9.]+)', told)]
    assert fractions
    assert fractions == sorted(fractions)


async def test_a_feed_tells_no_end_without_the_segments_that_belong_to_it() -> None:
    """The job is rerun between its end and the reading of its transcript."""
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.COMPLETED)
    again = msgspec.structs.replace(job, version=2, resumed=1)
    segments = msgspec.Raw(b'[{"start": 0.0, "end": 1.0, "text": "Of the second version."}]')
    transcript = {"text": msgspec.Raw(b'"x"'), "segments": segments}

    async def look(_owner: str, _job_id: str) -> JobView:
        return JobView(job, [], {})

    async def read(_owner: str, _job_id: str) -> JobView:
        return JobView(again, [], {}, transcript)

    service: Any = SimpleNamespace(
        watch=SimpleNamespace(watch=lambda _: nullcontext(Watched())), look=look, read=read
    )
    store: Any = None
    feed = Feed(service, store, LOCAL_OWNER, job.id)
    await asyncio.wait_for(feed.run(), 10)
    told = b"".join([news async for news in feed.events(Place())])
    assert told == b""
