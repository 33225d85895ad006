"""From a job and its pipeline to tasks and the edges between them. Pure: no I/O.

A job is planned in one step if its pipeline works on the whole recording. If some of its stages
work on chunks, the first step stops in front of them. Then come as many steps as one likes, each
for the chunks that are known by now, and the last one when it is known that these are all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import UnknownPipelineError
from dalston.common.models import Job, Part, PlannedTask, new_task_id
from dalston.common.pipeline_checks import CHUNKS
from dalston.common.stages import audio_source, expanding_stages, wanted_stages, with_fetch

TaskIds = Mapping[tuple[str, int], str]
"""Ids of a job's tasks by stage and index."""


def build_task_dag(
    job: Job,
    catalog: Catalog,
    new_id: Callable[[], str] = new_task_id,
    *,
    parts: Mapping[int, Part] | None = None,
    whole: bool = False,
    planned: TaskIds | None = None,
) -> list[PlannedTask]:
    """Return the tasks that a job gets now, each behind those that it comes after.

    Args:
        job: Its pipeline and parameters decide.
        catalog: The engines and pipelines of this server.
        new_id: Mints the ids of the tasks.
        parts: Those of the recording's chunks that are to be planned, by index.
        whole: Whether these are all chunks.
        planned: The tasks that the job has already, at least those without a chunk and those
            of the first chunk and of the chunks that are to be planned.

    Raises:
        UnknownPipelineError: The job's pipeline is not in the catalog any more.
    """
    pipeline = catalog.pipelines.get(job.pipeline)
    if pipeline is None:
        raise unknown_pipeline(job.pipeline, catalog.pipelines)
    pipeline = with_fetch(pipeline, job, catalog.engines)
    plan = _Plan(job, catalog, pipeline, new_id, parts or {}, whole, dict(planned or {}))
    for stage in plan.stages:
        plan.add(stage)
    return plan.tasks


def unknown_pipeline(name: str, known: Iterable[str]) -> UnknownPipelineError:
    """Return the error for a job whose pipeline isn't there."""
    return UnknownPipelineError(
        f"The pipeline '{name}' isn't known here any more. Put it back, then retry the job; or "
        f"submit the recording again with one of: {', '.join(sorted(known))}."
    )


@dataclass
class _Plan:
    """Goes through a pipeline's stages, in an order in which they can be done."""

    job: Job
    catalog: Catalog
    pipeline: Pipeline
    new_id: Callable[[], str]
    parts: Mapping[int, Part]
    whole: bool
    ids: dict[tuple[str, int], str]
    tasks: list[PlannedTask] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.stages = wanted_stages(self.pipeline.stages, self._is_wanted)
        self.by_name = {stage.stage: stage for stage in self.stages}
        self.expanding = expanding_stages(self.stages, self.catalog.engines)
        self.whole = self.whole or all(stage.each == "recording" for stage in self.stages)

    def _is_wanted(self, stage: Stage) -> bool:
        # What is found out for all chunks is of no use where there is only one. One that comes
        # before it is known that there are no more is not the only one; should it be after all,
        # what was planned stays.
        alone = self.whole and len(self.parts) == 1 and (stage.stage, 0) not in self.ids
        return stage.wanted(self.job.parameters) and not (alone and stage.each == "first_chunk")

    def add(self, stage: Stage) -> None:
        """Plan a stage's tasks, unless they are there or it can't be said yet what they are."""
        if stage.each != "recording":
            if not self.whole:
                self.waiting.add(stage.stage)
            for index, part in sorted(self.parts.items()):
                if stage.each == "chunk" or index == 0:
                    self._add_one(stage, index, part)
        elif self.waiting & set(stage.after):
            self.waiting.add(stage.stage)
        else:
            self._add_one(stage, 0, None)

    def _add_one(self, stage: Stage, index: int, part: Part | None) -> None:
        if (stage.stage, index) in self.ids:
            return
        before = [key for name in stage.after for key in self._before(name, index, part)]
        if not all(key in self.ids for key in before):
            # It comes after a stage that needs all chunks, or the first one, which isn't known.
            return
        task_id = self.ids[stage.stage, index] = self.new_id()
        spec = self.catalog.engines[stage.engine]
        source = audio_source(stage, self.by_name, self.catalog.engines)
        self.tasks.append(
            PlannedTask(
                id=task_id,
                stage=stage.stage,
                index=index,
                engine_id=stage.engine,
                config=self._config(stage, spec),
                after=tuple(self.ids[key] for key in before),
                audio_from=None if source is None else self.ids[source.stage, 0],
                final=stage.stage == self.pipeline.final.stage,
                part=part,
                cut_by=source.stage if source is not None and part is not None else None,
                optional=stage.optional,
                expands=stage.stage in self.expanding,
            )
        )

    def _config(self, stage: Stage, spec: EngineSpec) -> dict[str, Any]:
        """Return what the pipeline and the client ask of the engine, beyond its own defaults."""
        asked = {name: value for name, value in self.job.parameters.items() if spec.accepts(name)}
        transcriber = self.catalog.transcriber(self.pipeline)
        if transcriber is None or stage.engine != transcriber.engine:
            # The model that a client names is the transcriber's, not that of any engine.
            asked.pop("model", None)
        return {**stage.config, **asked}

    def _before(self, name: str, index: int, part: Part | None) -> list[tuple[str, int]]:
        """Return stage and index of the tasks of an earlier stage that a task waits for."""
        stage = self.by_name[name]
        if stage.each != "chunk":
            # A chunk is there before the task that cuts the recording has come to its end.
            cuts = part is not None and CHUNKS in self.catalog.engines[stage.engine].produces
            return [] if cuts else [(name, 0)]
        return [(name, place) for place in (sorted(self.parts) if part is None else [index])]
