"""What is kept of a job that goes on, and whether all that it would go on from is there.

Pure: no I/O. Stages and their order are those of the pipeline as it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from dalston.common.engine_spec import Catalog, Pipeline, Stage
from dalston.common.errors import ObjectsGoneError, UnknownPipelineError
from dalston.common.models import Job, Task
from dalston.common.stages import (
    Form,
    audio_source,
    changed_stages,
    wanted_stages,
    with_fetch,
)
from dalston.common.storage import AUDIO_NAME, RECORDING_NAME, beside
from dalston.db.reopening import is_kept, with_all_behind

_CHUNKS_CHANGED = "chunks_changed"
"""Code of the failure of jobs whose recording was cut in two ways."""


class Kept(NamedTuple):
    """A job's tasks, parted.

    Attributes:
        tasks: Those that stay as they are.
        drop: Ids of the others, whose place new ones take.
    """

    tasks: list[Task]
    drop: list[str]


def pipeline_of(job: Job, catalog: Catalog) -> Pipeline:
    """Return the pipeline of a job, with the stage that fetches its recording if it has one.

    Raises:
        UnknownPipelineError: It isn't known here any more.
    """
    pipeline = catalog.pipelines.get(job.pipeline)
    if pipeline is None:
        raise UnknownPipelineError(
            f"The pipeline '{job.pipeline}' of this job isn't known here any more. Put it back, or "
            f"submit the recording again with one of: {', '.join(sorted(catalog.pipelines))}."
        )
    return with_fetch(pipeline, job, catalog.engines)


def stages_from(pipeline: Pipeline, name: str) -> set[str]:
    """Return the names of a stage and of all that come after it."""
    pairs = [(stage.stage, before) for stage in pipeline.stages for before in stage.after]
    return with_all_behind([name], pairs)


def unwanted_stages(pipeline: Pipeline, parameters: Mapping[str, Any]) -> set[str]:
    """Return the names of the stages that a job with these parameters doesn't go through."""
    return {stage.stage for stage in pipeline.stages if not stage.wanted(parameters)}


def unfit_stages(job: Job, catalog: Catalog, own_tasks: Sequence[Task]) -> set[str]:
    """Return the names of the stages that are done again whatever is done of them.

    Args:
        job: The job, with the parameters that it goes on with.
        catalog: The engines and pipelines of this server.
        own_tasks: All its tasks until now.
    """
    forms = {Form(task.stage, task.part is not None, task.expands) for task in own_tasks}
    pipeline = pipeline_of(job, catalog)
    unfit = changed_stages(pipeline, job.parameters, catalog.engines, forms)
    if job.error is not None and job.error.code == _CHUNKS_CHANGED:
        # What was heard is about other chunks than those of the cutting that counts.
        unfit |= {task.stage for task in own_tasks if task.expands}
    return unfit


def part_tasks(
    own_tasks: Sequence[Task], pairs: Collection[tuple[str, str]], again: Collection[str] = ()
) -> Kept:
    """Tell which tasks of a job stay: those that are done, unless something they need isn't.

    Chunks whose recording was not cut to its end go with the task that cuts: another attempt
    makes its own, and what was heard of the old ones might not fit them.

    Args:
        own_tasks: All its tasks.
        pairs: Which one needs which one.
        again: Names of stages that are to be done once more.
    """
    first = [task.id for task in own_tasks if task.stage in again or not is_kept(task)]
    drop = with_all_behind(first, pairs)
    return Kept([task for task in own_tasks if task.id not in drop], sorted(drop))


def dropped(own_tasks: Sequence[Task], kept: Kept) -> list[Task]:
    """Return the tasks of a job whose place new ones take."""
    gone = set(kept.drop)
    return [task for task in own_tasks if task.id in gone]


def require_objects(
    job: Job,
    catalog: Catalog,
    own_tasks: Sequence[Task],
    kept: Kept,
    there: Collection[str],
) -> None:
    """Refuse to go on from what isn't there any more.

    Args:
        job: The job, with the parameters that it goes on with.
        catalog: The engines and pipelines of this server.
        own_tasks: All its tasks until now.
        kept: The same, parted.
        there: Paths of all objects that the job has.

    Raises:
        ObjectsGoneError: Names the stage that can't be done.
    """
    stages = _stages(job, catalog, own_tasks, kept)
    by_name = {stage.stage: stage for stage in stages}
    of_stage: dict[str, list[Task]] = {}
    for task in kept.tasks:
        of_stage.setdefault(task.stage, []).append(task)
    chunks = {task.part.file for task in own_tasks if task.part is not None}
    undone = {task.stage for task in dropped(own_tasks, kept)}
    left = {name for name in by_name if name in undone or name not in of_stage}
    for stage in stages:
        if stage.stage not in left:
            continue
        inputs = [task for name in stage.after for task in of_stage.get(name, ())]
        paths = [task.output_path for task in inputs if task.output_path is not None]
        if any(path not in there for path in paths):
            raise _gone(stage.stage, "what earlier stages found out")
        if not catalog.engines[stage.engine].needs.audio:
            continue
        source = audio_source(stage, by_name, catalog.engines)
        if source is not None and source.stage in left:
            continue
        if source is None:
            wanted = {job.audio_path}
        else:
            [maker, *_] = of_stage[source.stage]
            files = {AUDIO_NAME, RECORDING_NAME} if stage.each == "recording" else chunks
            wanted = _made_by(maker, files, there)
        if job.audio_deleted_at is not None or wanted.isdisjoint(there):
            raise _gone(stage.stage, "its audio")


def _made_by(maker: Task, files: Collection[str], there: Collection[str]) -> set[str]:
    """Return the paths of the audio that a task has made for another stage.

    Args:
        maker: The task.
        files: Their names; none if the job was stopped before its chunks were planned.
        there: Paths of all objects that the job has.
    """
    folder = beside(maker.output_path or "", "")
    if files:
        return {f"{folder}{name}" for name in files}
    return {path for path in there if path.startswith(folder) and not path.endswith(".json")}


def _stages(job: Job, catalog: Catalog, own_tasks: Sequence[Task], kept: Kept) -> list[Stage]:
    """Return the stages that the job goes through, as it will be planned."""
    places = {task.index for task in own_tasks if task.part is not None}
    # One chunk alone needs nothing that is found out for all.
    alone = places == {0} and any(task.expands for task in kept.tasks)
    done = {task.stage for task in kept.tasks}

    def is_wanted(stage: Stage) -> bool:
        needless = alone and stage.each == "first_chunk" and stage.stage not in done
        return stage.wanted(job.parameters) and not needless

    return wanted_stages(pipeline_of(job, catalog).stages, is_wanted)


def _gone(stage: str, what: str) -> ObjectsGoneError:
    return ObjectsGoneError(
        f"The stage {stage} can't be done: {what} has been deleted. Rerun from a later stage, or "
        f"submit the recording again."
    )
