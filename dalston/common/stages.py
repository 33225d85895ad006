"""Which stages of a pipeline a job goes through, and whose audio each of them works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import UnknownPipelineError
from dalston.common.models import Job
from dalston.common.pipeline_checks import CHUNKS, FETCH, RECORDING
from dalston.common.storage import is_source

FETCHER = "url-fetch"
"""Id of the engine that does the stage `fetch`."""


class Form(NamedTuple):
    """What a task that a job has was planned as.

    Attributes:
        stage: Its stage.
        on_chunk: Whether it works on a chunk, and not on the whole recording.
        expands: Whether it says which chunks there are.
    """

    stage: str
    on_chunk: bool
    expands: bool


def is_known(job: Job, catalog: Catalog) -> bool:
    """Tell whether a job's pipeline is known here, and the engine that fetches its recording."""
    fetched = FETCHER in catalog.engines or not is_source(job.audio_path)
    return fetched and job.pipeline in catalog.pipelines


def with_fetch(pipeline: Pipeline, job: Job, engines: Mapping[str, EngineSpec]) -> Pipeline:
    """Return the pipeline that a job goes through: its own, behind what brings its recording.

    Args:
        pipeline: The one that the job names.
        job: Its recording is in the store, or the order to fetch it is.
        engines: By id.

    Raises:
        UnknownPipelineError: The engine isn't there any more that would fetch it.
    """
    if not is_source(job.audio_path):
        return pipeline
    if FETCHER not in engines:
        raise unknown_fetcher()
    stages = [
        msgspec.structs.replace(stage, after=stage.after or [FETCH]) for stage in pipeline.stages
    ]
    return msgspec.structs.replace(pipeline, stages=[Stage(FETCH, FETCHER), *stages])


def unknown_fetcher() -> UnknownPipelineError:
    """Return the error for a job whose recording nothing here can fetch."""
    return UnknownPipelineError(
        f"The engine '{FETCHER}', which fetches recordings, isn't known here any more. Put it "
        f"back, or upload the recording."
    )


def wanted_stages(stages: Iterable[Stage], is_wanted: Callable[[Stage], bool]) -> list[Stage]:
    """Return the stages that are done; what came after another one now comes after those before.

    Args:
        stages: Of a pipeline, in an order in which they can be done.
        is_wanted: Tells whether a job goes through a stage.
    """
    before: dict[str, list[str]] = {}
    kept = []
    for stage in stages:
        after = [name for first in stage.after for name in before[first]]
        replaced = msgspec.structs.replace(stage, after=list(dict.fromkeys(after)))
        if is_wanted(stage):
            kept.append(replaced)
            before[stage.stage] = [stage.stage]
        else:
            before[stage.stage] = replaced.after
    return kept


def audio_source(
    stage: Stage, by_name: Mapping[str, Stage], engines: Mapping[str, EngineSpec]
) -> Stage | None:
    """Return the nearest stage before one that makes or brings its audio; None means the upload.

    Args:
        stage: The stage that works on audio.
        by_name: The stages that are done.
        engines: By id.
    """
    wanted = {"audio", RECORDING} if stage.each == "recording" else {CHUNKS}
    before = [by_name[name] for name in stage.after]
    while before:
        for other in before:
            if wanted & set(engines[other.engine].produces):
                return other
        before = [by_name[name] for other in before for name in other.after]
    return None


def expanding_stages(stages: Iterable[Stage], engines: Mapping[str, EngineSpec]) -> set[str]:
    """Return the names of the stages that say which chunks there are, if any stage asks.

    Args:
        stages: Those that are done.
        engines: By id.
    """
    done = list(stages)
    if all(stage.each == "recording" for stage in done):
        return set()
    return {stage.stage for stage in done if CHUNKS in engines[stage.engine].produces}


def changed_stages(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    engines: Mapping[str, EngineSpec],
    forms: Iterable[Form],
) -> set[str]:
    """Return the names of the stages whose tasks the pipeline, as it is now, can't go on from.

    They work on chunks and should work on the whole recording, or the other way round; or they
    were not to say which chunks there are, and now all others would wait for that.

    Args:
        pipeline: The one that the job goes through.
        parameters: Those of the job.
        engines: By id.
        forms: What the job's tasks were planned as.
    """
    wanted = [stage for stage in pipeline.stages if stage.wanted(parameters)]
    on_chunks = {stage.stage: stage.each != "recording" for stage in wanted}
    expanding = expanding_stages(wanted, engines)
    return {
        form.stage
        for form in forms
        if on_chunks.get(form.stage, form.on_chunk) != form.on_chunk
        or (form.stage in expanding and not form.expands)
    }
