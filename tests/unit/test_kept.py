"""What a job that goes on keeps, and what it refuses to go on without: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from dalston.common.engine_spec import Catalog, EngineSpec, Needs, Pipeline, Stage
from dalston.common.errors import ObjectsGoneError, UnknownPipelineError
from dalston.common.models import Failure, Job, Part, Task, TaskStatus
from dalston.gateway.services import kept
from tests.support.board import new_job

JOB = "job_000000000000"
CATALOG = Catalog(
    engines={
        "cutter": EngineSpec("cutter", "1", "prepare", produces=["audio", "chunks"]),
        "hearer": EngineSpec("hearer", "1", "transcribe", further_stages=["language"]),
        "teller": EngineSpec("teller", "1", "diarize"),
        "joiner": EngineSpec("joiner", "1", "merge", needs=Needs(audio=False)),
    },
    pipelines={
        "full": Pipeline(
            "full",
            [
                Stage("prepare", "cutter"),
                Stage("language", "hearer", ["prepare"], each="first_chunk"),
                Stage("transcribe", "hearer", ["prepare", "language"], each="chunk"),
                Stage("diarize", "teller", ["prepare"], when={"diarize": True}),
                Stage("merge", "joiner", ["prepare", "language", "transcribe", "diarize"]),
            ],
        )
    },
)
PIPELINE = CATALOG.pipelines["full"]


def job(**parameters: Any) -> Job:
    return msgspec.structs.replace(new_job(JOB), pipeline="full", parameters=parameters)


def task(stage: str, index: int = 0, status: str = "completed", **more: Any) -> Task:
    in_parts = stage in {"language", "transcribe"}
    return Task(
        id=f"{stage}-{index}",
        job_id=JOB,
        stage=stage,
        index=index,
        engine_id="any",
        status=TaskStatus(status),
        hand_out=1,
        config={},
        output_path=f"jobs/{JOB}/tasks/{stage}-{index}/1-a/output.json",
        part=Part(f"chunk-{index}.wav", 0, 1, 0, 1) if in_parts else None,
        expands=stage == "prepare",
        **more,
    )


def pairs(own_tasks: Iterable[Task]) -> list[tuple[str, str]]:
    """Return what needs what, as the database says it of this pipeline."""
    there = {one.id for one in own_tasks}
    needs = {"language": ["prepare"], "transcribe": ["prepare", "language"], "diarize": ["prepare"]}
    needs["merge"] = ["prepare", "language", "transcribe", "diarize"]
    found = []
    for one in own_tasks:
        for stage in needs.get(one.stage, ()):
            many = stage == "transcribe"
            found += [(one.id, name) for name in there if name.startswith(stage)] if many else []
            found += [(one.id, f"{stage}-0")] if not many and f"{stage}-0" in there else []
    return found


def objects(*tasks: Task) -> set[str]:
    """Return all that finished tasks leave in the store."""
    paths = {f"jobs/{JOB}/audio/original.wav"}
    for one in tasks:
        folder = str(one.output_path).rpartition("/")[0]
        paths |= {f"{folder}/output.json"}
        if one.expands:
            paths |= {f"{folder}/audio.wav", f"{folder}/chunk-0.wav"}
    return paths


WHOLE = [task("prepare"), task("language"), task("transcribe"), task("transcribe", 1)]
WHOLE += [task("merge")]
ONE_CHUNK = [task("prepare"), task("transcribe"), task("merge")]


def names(parted: kept.Kept) -> list[str]:
    return [one.id for one in parted.tasks]


def test_what_is_done_stays_and_what_needs_what_is_not_goes() -> None:
    own = [task("prepare"), task("language"), task("transcribe"), task("transcribe", 1, "failed")]
    parted = kept.part_tasks(own, pairs(own))
    assert names(parted) == ["prepare-0", "language-0", "transcribe-0"]
    assert parted.drop == ["transcribe-1"]


def test_chunks_of_a_recording_that_was_not_cut_to_its_end_go_too() -> None:
    own = [task("prepare", status="cancelled"), task("transcribe"), task("transcribe", 1)]
    assert names(kept.part_tasks(own, pairs(own))) == []


def test_an_optional_task_that_failed_stays_unless_what_it_needs_goes() -> None:
    own = [task("prepare"), task("transcribe"), task("diarize", status="failed", optional=True)]
    assert "diarize-0" in names(kept.part_tasks(own, pairs(own)))
    assert names(kept.part_tasks(own, pairs(own), {"prepare"})) == []


def test_a_stage_takes_with_it_all_that_come_after_it() -> None:
    assert kept.stages_from(PIPELINE, "language") == {"language", "transcribe", "merge"}
    assert kept.stages_from(PIPELINE, "diarize") == {"diarize", "merge"}


def unfit(own: list[Task], *stages: Stage) -> set[str]:
    """Return what the pipeline doesn't take as it is done, or one of these stages."""
    pipeline = Pipeline("full", list(stages)) if stages else PIPELINE
    return kept.unfit_stages(job(), Catalog(CATALOG.engines, {"full": pipeline}), own)


def test_a_pipeline_that_is_as_it_was_takes_all_as_it_is() -> None:
    assert unfit(WHOLE) == set()
    assert unfit(ONE_CHUNK) == set()


def test_what_worked_on_chunks_is_not_taken_for_work_on_the_whole_nor_the_other_way_round() -> None:
    prepare, _, transcribe, *_ = PIPELINE.stages
    whole = msgspec.structs.replace(transcribe, after=["prepare"], each="recording")
    assert unfit(WHOLE, prepare, whole) == {"transcribe"}
    own = [task("prepare"), msgspec.structs.replace(task("transcribe"), part=None), task("merge")]
    assert unfit(own) == {"transcribe"}


def test_a_recording_that_was_not_to_be_cut_is_cut_when_a_stage_needs_chunks_now() -> None:
    own = [msgspec.structs.replace(one, expands=False) for one in ONE_CHUNK]
    assert unfit(own) == {"prepare"}
    without_chunks = [one for one in own if one.part is None]
    in_one = [Stage("prepare", "cutter"), Stage("merge", "joiner", ["prepare"])]
    assert unfit(without_chunks, *in_one) == set()


def test_chunks_that_are_not_those_that_were_heard_go_with_their_cutting() -> None:
    failed = msgspec.structs.replace(job(), error=Failure("chunks_changed", "Cut elsewhere."))
    assert kept.unfit_stages(failed, CATALOG, WHOLE) == {"prepare"}
    failed = msgspec.structs.replace(job(), error=Failure("engine_lost", "It is gone."))
    assert kept.unfit_stages(failed, CATALOG, WHOLE) == set()


def require(own: list[Task], again: set[str], there: set[str], **parameters: Any) -> None:
    parted = kept.part_tasks(own, pairs(own), again)
    kept.require_objects(job(**parameters), CATALOG, own, parted, there)


def test_all_that_is_left_to_do_must_have_its_inputs_and_its_audio() -> None:
    there = objects(*WHOLE)
    require(WHOLE, {"transcribe", "merge"}, there)
    without = {path for path in there if "language" not in path}
    with pytest.raises(ObjectsGoneError, match="transcribe can't be done: what earlier"):
        require(WHOLE, {"transcribe", "merge"}, without)
    without = {path for path in there if "chunk" not in path}
    with pytest.raises(ObjectsGoneError, match="transcribe can't be done: its audio"):
        require(WHOLE, {"transcribe", "merge"}, without)
    require(WHOLE, {"merge"}, without)
    without = {path for path in there if "original" not in path}
    require(WHOLE, {"transcribe", "merge"}, without)
    with pytest.raises(ObjectsGoneError, match="prepare can't be done"):
        require(WHOLE, kept.stages_from(PIPELINE, "prepare"), without)


def test_a_stage_that_nobody_wants_needs_nothing_and_one_that_is_wanted_now_does() -> None:
    there = {path for path in objects(*WHOLE) if not path.endswith(".wav")}
    require(WHOLE, {"merge"}, there)
    with pytest.raises(ObjectsGoneError, match="diarize can't be done: its audio"):
        require(WHOLE, {"diarize", "merge"}, there, diarize=True)


def test_one_chunk_alone_needs_nothing_that_is_found_out_for_all() -> None:
    there = {path for path in objects(*ONE_CHUNK) if not path.endswith(".wav")}
    require(ONE_CHUNK, {"merge"}, there)
    with pytest.raises(ObjectsGoneError, match="language can't be done"):
        require([one for one in WHOLE if one.stage != "language"], {"merge"}, there)


def test_audio_that_was_deleted_is_gone_whatever_lies_there() -> None:
    own = WHOLE
    parted = kept.part_tasks(own, pairs(own), {"transcribe", "merge"})
    deleted = msgspec.structs.replace(job(), audio_deleted_at=job().created_at)
    with pytest.raises(ObjectsGoneError):
        kept.require_objects(deleted, CATALOG, own, parted, objects(*own))


def test_chunks_that_were_not_planned_again_before_the_job_was_stopped_are_there() -> None:
    """No task names them then, and not every engine that cuts makes `audio.wav` too."""
    own = [task("prepare")]
    parted = kept.part_tasks(own, pairs(own))
    there = {path for path in objects(*own) if not path.endswith("audio.wav")}
    kept.require_objects(job(), CATALOG, own, parted, there)
    with pytest.raises(ObjectsGoneError, match="language can't be done: its audio"):
        kept.require_objects(
            job(), CATALOG, own, parted, there - {f"jobs/{JOB}/tasks/prepare-0/1-a/chunk-0.wav"}
        )


def test_a_pipeline_that_is_gone_is_said_so() -> None:
    with pytest.raises(UnknownPipelineError):
        kept.pipeline_of(msgspec.structs.replace(job(), pipeline="gone"), CATALOG)
