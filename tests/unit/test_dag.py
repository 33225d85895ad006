"""From a job to its tasks: pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import UnknownPipelineError
from dalston.common.models import Job, JobStatus, Part, PlannedTask
from dalston.common.storage import source_path
from dalston.orchestrator.dag import build_task_dag

LANGUAGE = {"type": "object", "properties": {"language": {"default": None}}}


def engine(name: str, stage: str, **more: Any) -> EngineSpec:
    return EngineSpec(id=name, version="1", stage=stage, **more)


CATALOG = Catalog(
    engines={
        "cutter": engine("cutter", "prepare", produces=["audio", "chunks"]),
        "placer": engine("placer", "align"),
        "teller": engine("teller", "diarize"),
        "decoder": engine("decoder", "prepare", produces=["audio"]),
        "listener": engine("listener", "transcribe", config=LANGUAGE),
        "joiner": engine("joiner", "merge"),
    },
    pipelines={
        "full": Pipeline(
            "full",
            [
                Stage("prepare", "decoder"),
                Stage("transcribe", "listener", after=["prepare"], config={"beam": 3}),
                Stage("merge", "joiner", after=["prepare", "transcribe"]),
            ],
        ),
        "chunks": Pipeline(
            "chunks",
            [
                Stage("prepare", "cutter"),
                Stage("transcribe", "listener", after=["prepare"], each="chunk"),
                Stage("diarize", "teller", after=["prepare", "transcribe"]),
                Stage("align", "placer", after=["transcribe", "diarize"], each="chunk"),
                Stage("merge", "joiner", after=["prepare", "transcribe", "align"]),
            ],
        ),
        "short": Pipeline("short", [Stage("transcribe", "listener")]),
    },
)


def job(pipeline: str, **parameters: Any) -> Job:
    return Job(
        id="job_000000000000",
        status=JobStatus.PENDING,
        pipeline=pipeline,
        owner="local",
        parameters=parameters,
        filename=None,
        audio_path="jobs/job_000000000000/audio/original.mp3",
        audio_bytes=1,
        created_at=datetime.now(UTC),
    )


@pytest.fixture
def ids() -> Iterator[str]:
    return iter(["task_p", "task_t", "task_m"])


def test_tasks_follow_the_pipeline(ids: Iterator[str]) -> None:
    prepare, transcribe, merge = build_task_dag(job("full"), CATALOG, lambda: next(ids))

    assert [task.id for task in (prepare, transcribe, merge)] == ["task_p", "task_t", "task_m"]
    assert [task.engine_id for task in (prepare, transcribe, merge)] == [
        "decoder",
        "listener",
        "joiner",
    ]
    assert (prepare.after, transcribe.after, merge.after) == (
        (),
        ("task_p",),
        ("task_p", "task_t"),
    )
    assert [task.final for task in (prepare, transcribe, merge)] == [False, False, True]


def test_audio_comes_from_the_nearest_engine_that_makes_it(ids: Iterator[str]) -> None:
    prepare, transcribe, merge = build_task_dag(job("full"), CATALOG, lambda: next(ids))

    assert prepare.audio_from is None
    assert transcribe.audio_from == "task_p"
    assert merge.audio_from == "task_p"
    [alone] = build_task_dag(job("short"), CATALOG)
    assert alone.audio_from is None


def test_what_a_client_asks_reaches_the_engines_that_know_it() -> None:
    prepare, transcribe, _ = build_task_dag(job("full", language="de"), CATALOG)

    assert prepare.config == {}
    assert transcribe.config == {"beam": 3, "language": "de"}


def test_a_pipeline_that_is_gone_is_named() -> None:
    with pytest.raises(UnknownPipelineError, match=r"then retry the job; .* full, short"):
        build_task_dag(job("gone"), CATALOG)


def at_an_address(pipeline: str) -> Job:
    return msgspec.structs.replace(job(pipeline), audio_path=source_path("job_000000000000"))


FETCHING = msgspec.structs.replace(
    CATALOG,
    engines={**CATALOG.engines, "url-fetch": engine("url-fetch", "fetch", produces=["recording"])},
)


def test_a_recording_at_an_address_is_fetched_first() -> None:
    tasks = build_task_dag(at_an_address("full"), FETCHING)

    assert [task.stage for task in tasks] == ["fetch", "prepare", "transcribe", "merge"]
    fetch, prepare, transcribe, _ = tasks
    assert (fetch.after, fetch.audio_from, fetch.final) == ((), None, False)
    assert (prepare.after, prepare.audio_from) == ((fetch.id,), fetch.id)
    assert (transcribe.after, transcribe.audio_from) == ((prepare.id,), prepare.id)
    fetch, alone = build_task_dag(at_an_address("short"), FETCHING)
    assert (alone.after, alone.audio_from, alone.final) == ((fetch.id,), fetch.id, True)
    assert [task.stage for task in build_task_dag(job("short"), FETCHING)] == ["transcribe"]


def test_chunks_of_what_is_fetched_are_those_of_the_stage_that_cuts() -> None:
    fetch, prepare = build_task_dag(at_an_address("chunks"), FETCHING)
    planned = {("fetch", 0): fetch.id, ("prepare", 0): prepare.id}
    parts = {0: Part("0.wav", 0, 1, 0, 1, path="a/0.wav")}

    more = build_task_dag(
        at_an_address("chunks"), FETCHING, parts=parts, whole=True, planned=planned
    )

    [transcribe] = [task for task in more if task.stage == "transcribe"]
    assert (transcribe.audio_from, transcribe.cut_by) == (prepare.id, "prepare")


def test_without_the_engine_that_fetches_it_is_said() -> None:
    with pytest.raises(UnknownPipelineError, match="url-fetch"):
        build_task_dag(at_an_address("short"), CATALOG)


SPOKEN = Catalog(
    engines={
        "cutter": engine("cutter", "prepare", produces=["audio", "chunks"]),
        "listener": engine("listener", "transcribe", further_stages=["language"], config=LANGUAGE),
        "watcher": engine("watcher", "diarize"),
        "joiner": engine("joiner", "merge"),
    },
    pipelines={
        "spoken": Pipeline(
            "spoken",
            [
                Stage("prepare", "cutter"),
                Stage(
                    "language",
                    "listener",
                    after=["prepare"],
                    each="first_chunk",
                    when={"language": None},
                ),
                Stage("transcribe", "listener", after=["language"], each="chunk"),
                Stage("diarize", "watcher", after=["prepare"], when={"diarize": [True, "yes"]}),
                Stage("merge", "joiner", after=["transcribe", "diarize"]),
            ],
        )
    },
)


def part(start: float, channel: int | None = None) -> Part:
    return Part(f"{channel}-{start}.wav", start, start + 1, start, start + 1, channel)


def planned(*parts: Part, **parameters: Any) -> dict[tuple[str, int], PlannedTask]:
    """All tasks of a job: those that are known at first, and those behind its chunks."""
    about = job("spoken", **parameters)
    first = build_task_dag(about, SPOKEN)
    ids = {(task.stage, task.index): task.id for task in first}
    rest = build_task_dag(about, SPOKEN, parts=dict(enumerate(parts)), whole=True, planned=ids)
    return {(task.stage, task.index): task for task in [*first, *rest]}


def test_all_chunks_wait_for_what_the_first_one_finds_out() -> None:
    tasks = planned(part(0, 2), part(0, 1), part(1, 2))

    assert sorted(tasks) == [
        ("language", 0),
        ("merge", 0),
        ("prepare", 0),
        ("transcribe", 0),
        ("transcribe", 1),
        ("transcribe", 2),
    ]
    language = tasks["language", 0]
    assert language.part == part(0, 2)
    # What a chunk is made of is there: it waits for nothing that cuts.
    assert language.after == ()
    for index in range(3):
        assert tasks["transcribe", index].after == (language.id,)
        assert tasks["transcribe", index].audio_from == tasks["prepare", 0].id
    heard = [tasks["transcribe", index].id for index in range(3)]
    assert tasks["merge", 0].after == (*heard, tasks["prepare", 0].id)


@pytest.mark.parametrize("parts", [(part(0),), (part(0), part(1))])
def test_what_came_after_a_stage_that_is_left_out_comes_after_those_before_it(
    parts: tuple[Part, ...],
) -> None:
    tasks = planned(*parts, **({} if len(parts) == 1 else {"language": "de"}))
    assert ("language", 0) not in tasks
    assert tasks["transcribe", 0].after == ()


@pytest.mark.parametrize("asked", [{}, {"diarize": False}])
def test_a_stage_is_left_out_when_it_is_not_wanted(asked: dict[str, Any]) -> None:
    assert ("diarize", 0) not in planned(part(0), **asked)


@pytest.mark.parametrize("value", [True, "yes"])
def test_a_stage_is_done_for_each_of_several_values(value: object) -> None:
    tasks = planned(part(0), diarize=value)
    assert tasks["diarize", 0].id in tasks["merge", 0].after


def test_the_first_chunk_alone_brings_the_stage_that_all_chunks_wait_for() -> None:
    about = job("spoken")
    ids = {(task.stage, task.index): task.id for task in build_task_dag(about, SPOKEN)}
    first = build_task_dag(about, SPOKEN, parts={0: part(0)}, planned=ids)
    assert [(task.stage, task.index) for task in first] == [("language", 0), ("transcribe", 0)]
    ids |= {(task.stage, task.index): task.id for task in first}
    [second] = build_task_dag(about, SPOKEN, parts={1: part(1)}, planned=ids)
    assert (second.stage, second.after) == ("transcribe", (ids["language", 0],))


def test_a_chunk_that_is_known_before_the_first_one_waits_for_the_end_of_the_cutting() -> None:
    about = job("spoken")
    ids = {(task.stage, task.index): task.id for task in build_task_dag(about, SPOKEN)}
    assert build_task_dag(about, SPOKEN, parts={1: part(1)}, planned=ids) == []


def chunk(index: int) -> Part:
    return Part(f"{index}.wav", index, index + 1, index, index + 1)


def test_chunks_are_planned_as_they_become_known() -> None:
    begun = build_task_dag(job("chunks"), CATALOG)
    ids = {(task.stage, task.index): task.id for task in begun}
    early = build_task_dag(job("chunks"), CATALOG, parts={1: chunk(1)}, planned=ids)
    ids |= {(task.stage, task.index): task.id for task in early}
    parts = {index: chunk(index) for index in range(3)}
    last = build_task_dag(job("chunks"), CATALOG, parts=parts, whole=True, planned=ids)

    assert [(task.stage, task.expands) for task in begun] == [("prepare", True)]
    [first] = early
    # What the chunk is made of is there: it waits for nothing.
    assert (first.stage, first.index, first.after, first.part) == ("transcribe", 1, (), chunk(1))
    assert (first.audio_from, first.cut_by) == (begun[0].id, "prepare")
    assert [(task.stage, task.index) for task in last] == [
        ("transcribe", 0),
        ("transcribe", 2),
        ("diarize", 0),
        ("align", 0),
        ("align", 1),
        ("align", 2),
        ("merge", 0),
    ]
    diarize, align = last[2], last[4]
    assert set(diarize.after) == {begun[0].id, last[0].id, first.id, last[1].id}
    assert set(align.after) == {first.id, diarize.id}
    assert last[-1].final
