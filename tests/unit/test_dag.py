"""From a job to its tasks: pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import UnknownPipelineError
from dalston.common.models import Job, JobStatus
from dalston.orchestrator.dag import build_task_dag

LANGUAGE = {"type": "object", "properties": {"language": {"default": None}}}


def engine(name: str, stage: str, **more: Any) -> EngineSpec:
    return EngineSpec(id=name, version="1", stage=stage, **more)


CATALOG = Catalog(
    engines={
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
        "short": Pipeline("short", [Stage("transcribe", "listener")]),
    },
)


def job(pipeline: str, **parameters: str) -> Job:
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
    with pytest.raises(UnknownPipelineError, match="full, short"):
        build_task_dag(job("gone"), CATALOG)
