"""From a job and its pipeline to tasks and the edges between them. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import UnknownPipelineError
from dalston.common.models import Job, PlannedTask, new_task_id


def build_task_dag(
    job: Job, catalog: Catalog, new_id: Callable[[], str] = new_task_id
) -> list[PlannedTask]:
    """Return a job's tasks, each behind those that it comes after.

    Args:
        job: Its pipeline and parameters decide.
        catalog: The engines and pipelines of this server.
        new_id: Mints the ids of the tasks.

    Raises:
        UnknownPipelineError: The job's pipeline is not in the catalog any more.
    """
    pipeline = catalog.pipelines.get(job.pipeline)
    if pipeline is None:
        raise UnknownPipelineError(
            f"The pipeline '{job.pipeline}' isn't known here any more. Submit the recording "
            f"again with one of: {', '.join(sorted(catalog.pipelines))}."
        )
    ids = {stage.stage: new_id() for stage in pipeline.stages}
    return [
        PlannedTask(
            id=ids[stage.stage],
            stage=stage.stage,
            index=0,
            engine_id=stage.engine,
            config=_task_config(stage, catalog.engines[stage.engine], job.parameters),
            after=tuple(ids[name] for name in stage.after),
            audio_from=_audio_source(pipeline, stage, catalog, ids),
            final=stage is pipeline.final,
        )
        for stage in pipeline.stages
    ]


def _task_config(stage: Stage, spec: EngineSpec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pipeline and the client ask of the engine, beyond its own defaults."""
    asked = {name: value for name, value in parameters.items() if spec.accepts(name)}
    return {**stage.config, **asked}


def _audio_source(
    pipeline: Pipeline, stage: Stage, catalog: Catalog, ids: Mapping[str, str]
) -> str | None:
    """Return the nearest task before a stage whose engine makes audio; None means the upload."""
    by_name = {other.stage: other for other in pipeline.stages}
    before = [by_name[name] for name in stage.after]
    while before:
        for other in before:
            if "audio" in catalog.engines[other.engine].produces:
                return ids[other.stage]
        before = [by_name[name] for other in before for name in other.after]
    return None
