"""Retry and rerun where not all stages are wanted, or a recording was not cut to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.pipeline.test_again import act, code, objects
from tests.pipeline.test_early_chunks import ENGINES as EARLY
from tests.pipeline.test_early_chunks import heard, text
from tests.pipeline.test_early_chunks import settings as early
from tests.pipeline.test_fan_out import runs, statuses
from tests.pipeline.test_options import ENGINES as OPTIONS
from tests.pipeline.test_options import said, stages
from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.stack import Stack, running
from tests.support.waiting import until


def tidy(stack: Stack) -> None:
    """Do a round of housekeeping that takes what it sees for lasting."""
    assert stack.start("housekeeping", DALSTON_ORPHAN_HOURS="0.000001").ended(60) == 0


def ids(job: dict[str, Any], stage: str) -> set[str]:
    return {task["id"] for task in job["tasks"] if task["stage"] == stage}


def test_chunks_of_a_cutting_that_was_cancelled_go_with_it(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *EARLY, **early(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        job_id = stack.submit(b"4")
        before = heard(stack, job_id, 2)
        assert act(stack, job_id, "cancel").status_code == 200
        until(lambda: _let_go(deployment, job_id), "the open file to be let go of")
        left = objects(stack, job_id)
        assert [path for path in left if path.endswith("chunk-00001.wav")]
        (tmp_path / "hold-cut-2").unlink()

        tidy(stack)
        tidy(stack)
        kept = objects(stack, job_id)
        assert {path.split("/")[2] for path in kept} == {"audio", "tasks"}
        assert not [path for path in kept if "/tasks/" in path and path.endswith(".wav")]

        assert act(stack, job_id, "retry").status_code == 202
        job = stack.ended(job_id)
        assert (job["status"], job["text"]) == ("completed", text(4))
        assert runs(tmp_path) == [0, 0, 1, 1, 2, 3]
        assert not ids(before, "transcribe") & ids(job, "transcribe")
        assert not ids(before, "prepare") & ids(job, "prepare")

        tidy(stack)
        tidy(stack)
        [folder] = {path.split("/")[3] for path in objects(stack, job_id) if "chunk-0" in path}
        assert {folder} == ids(job, "prepare"), "nothing of the old attempt is left"
        assert act(stack, job_id, "rerun", from_stage="transcribe").status_code == 202
        assert stack.ended(job_id)["text"] == text(4)


def _let_go(deployment: Deployment, job_id: str) -> bool:
    store = deployment.store()
    paths = asyncio.run(store.list(f"jobs/{job_id}"))
    return not store.unfinished() and not [path for path in paths if path.endswith("audio.wav")]


def test_chunks_of_a_cutting_that_failed_are_heard_again(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *EARLY, **early(tmp_path)) as stack:
        (tmp_path / "hold-cut-2").touch()
        (tmp_path / "fail-cut-2").touch()
        job_id = stack.submit(b"3")
        failed = stack.ended(job_id)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "bad_place")
        (tmp_path / "hold-cut-2").unlink()
        (tmp_path / "fail-cut-2").unlink()

        assert act(stack, job_id, "retry").status_code == 202
        job = stack.ended(job_id)
        assert (job["status"], job["text"]) == ("completed", text(3))


def test_what_was_heard_of_a_finished_cutting_stays_whoever_cut_it(
    deployment: Deployment, tmp_path: Path
) -> None:
    with running(deployment, *EARLY, **early(tmp_path)) as stack:
        (tmp_path / "hold-cut-3").touch()
        (tmp_path / "hold-3").touch()
        (tmp_path / "fail-3").touch()
        job_id = stack.submit(b"4")
        heard(stack, job_id, 3)
        # What is heard of the first chunks is from the objects of the attempt that dies.
        (tmp_path / "crash-cut-4").touch()
        (tmp_path / "hold-cut-3").unlink()
        until(lambda: statuses(stack, job_id, "prepare") == ["completed"], "the second attempt")
        (tmp_path / "hold-3").unlink()
        failed = stack.ended(job_id)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "not_heard")
        tidy(stack)
        tidy(stack)
        (tmp_path / "fail-3").unlink()

        assert act(stack, job_id, "retry").status_code == 202
        job = stack.ended(job_id)
        assert (job["status"], job["text"]) == ("completed", text(4))
        assert runs(tmp_path).count(0) == 1
        assert act(stack, job_id, "rerun", from_stage="check").status_code == 202
        again = stack.ended(job_id)
        assert (again["status"], again["text"]) == ("completed", text(4))
        assert ids(again, "transcribe") == ids(job, "transcribe")
        checks = [task["status"] for task in again["tasks"] if task["stage"] == "check"]
        assert sorted(checks) == ["completed", "completed", "completed", "failed"]


def test_a_rerun_may_ask_for_stages_that_there_were_not(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "options"}
    with running(deployment, *OPTIONS, **settings) as stack:
        job_id = stack.submit(b"2")
        first = stack.ended(job_id)
        assert stages(first) == {"prepare": 1, "language": 1, "transcribe": 2, "merge": 1}

        answer = act(stack, job_id, "rerun", from_stage="diarize")
        assert answer.status_code == 202, answer.text
        second = stack.ended(job_id)
        assert [speaker for _, _, speaker in said(second)] == ["speaker_1", "speaker_2"]
        for stage in ("prepare", "language", "transcribe"):
            assert ids(second, stage) == ids(first, stage)

        act(stack, job_id, "rerun", from_stage="diarize", options={"num_speakers": 1})
        third = stack.ended(job_id)
        assert {speaker for _, _, speaker in said(third)} == {"speaker_1"}
        assert ids(third, "diarize") != ids(second, "diarize")

        # Whose language is known needs no stage that finds it out.
        act(stack, job_id, "rerun", from_stage="transcribe", options={"language": "German"})
        fourth = stack.ended(job_id)
        assert fourth["language"] == "de"
        assert (ids(fourth, "language"), ids(fourth, "diarize")) == (set(), ids(third, "diarize"))
        act(stack, job_id, "rerun", from_stage="transcribe", options={"language": None})
        fifth = stack.ended(job_id)
        assert fifth["language"] == "sw"
        assert len(ids(fifth, "language")) == 1

        nobody = {"diarize": False, "num_speakers": None}
        act(stack, job_id, "rerun", from_stage="diarize", options=nobody)
        last = stack.ended(job_id)
        assert [speaker for _, _, speaker in said(last)] == [None, None]
        assert ids(last, "diarize") == set()
        assert last["version"] == 6
        assert stack.read(job_id, version="2") == second
        _refusals(stack, job_id)


def _refusals(stack: Stack, job_id: str) -> None:
    before = stack.read(job_id)
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("diarize", {"num_speakers": "two"}, "invalid_parameter"),
        ("diarize", {"num_speakers": 0}, "invalid_parameter"),
        ("diarize", {"diarize": "perhaps"}, "invalid_parameter"),
        ("diarize", {"num_speakers": 2, "min_speakers": 1}, "contradictory_options"),
        ("diarize", {"diarize": False, "num_speakers": 2}, "contradictory_options"),
        ("diarize", {"diarize": False}, "unknown_stage"),
        ("diarize", {"beam_size": 3}, "unsupported_option"),
        ("transcribe", {"num_speakers": 2}, "unsupported_option"),
        ("transcribe", {"channels": "split"}, "unsupported_option"),
        ("transcribe", {"models_folder": "/"}, "unsupported_option"),
        ("transcribe", {"pipeline": "stub"}, "unsupported_option"),
        ("transcribe", {"language": "Klingon"}, "unsupported_language"),
        ("transcribe", {"language": 5}, "invalid_parameter"),
        ("prepare", {"channels": "split", "diarize": True}, "contradictory_options"),
    ]
    for from_stage, options, expected in wrong:
        answer = act(stack, job_id, "rerun", from_stage=from_stage, options=options)
        assert code(answer) == (400, expected), (from_stage, options, answer.text)
    assert stack.read(job_id) == before
