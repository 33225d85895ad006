"""Cancel, retry and rerun over HTTP, on every deployment, with chunks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from dalston.common.storage import job_folder
from tests.pipeline.test_fan_out import runs
from tests.support.deployment import Deployment
from tests.support.gate import Gate, is_alive
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

ENGINES = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


@pytest.fixture
def stack(deployment: Deployment, tmp_path: Path) -> Iterator[Stack]:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *ENGINES, **settings) as stack:
        yield stack


def children(folder: Path) -> list[int]:
    return [int(path.name.split(".")[1]) for path in folder.glob("*.part")]


def act(stack: Stack, job_id: str, what: str, **body: Any) -> httpx.Response:
    address = f"{TRANSCRIPTIONS}/{job_id}/{what}"
    return stack.client.post(address, json=body) if body else stack.client.post(address)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def objects(stack: Stack, job_id: str) -> list[str]:
    return asyncio.run(stack.deployment.store().list(job_folder(job_id)))


def test_a_failed_job_goes_on_from_where_it_failed(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "fail-3").touch()
    (tmp_path / "hold-3").touch()
    job_id = stack.submit(b"4")
    until(lambda: 3 in runs(tmp_path), "chunk 3 to begin")
    assert code(act(stack, job_id, "retry")) == (409, "job_not_finished")
    (tmp_path / "hold-3").unlink()
    failed = stack.ended(job_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "not_heard")
    done = [task["id"] for task in failed["tasks"] if task["status"] == "completed"]
    assert len(done) >= 4
    (tmp_path / "fail-3").unlink()

    answer = act(stack, job_id, "retry")
    assert answer.status_code == 202
    assert answer.json()["status"] in {"pending", "running"}
    assert answer.headers["location"] == f"{TRANSCRIPTIONS}/{job_id}"
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert job["text"] == "Part 0. Part 1. Part 2. Part 3."
    assert "error" not in job
    assert set(done) <= {task["id"] for task in job["tasks"]}
    twice = {number for number in runs(tmp_path) if runs(tmp_path).count(number) > 1}
    assert twice == {3}
    assert code(act(stack, job_id, "retry")) == (409, "job_completed")
    assert stack.read(job_id)["version"] == 1
    history = stack.read(job_id, include="history")["history"]
    of_job = [(r["from_status"], r["to_status"]) for r in history if r["task_id"] is None]
    assert of_job == [
        (None, "pending"),
        ("pending", "running"),
        ("running", "failed"),
        ("failed", "pending"),
        ("pending", "running"),
        ("running", "completed"),
    ]


def test_a_rerun_does_only_what_comes_after_and_keeps_the_old_result(
    stack: Stack, tmp_path: Path
) -> None:
    job_id = stack.submit(b"3")
    first = stack.ended(job_id)
    assert (first["text"], first["version"]) == ("Part 0. Part 1. Part 2.", 1)

    answer = act(stack, job_id, "rerun", from_stage="transcribe", options={"prompt": "Teil"})
    assert answer.status_code == 202, answer.text
    second = stack.ended(job_id)

    assert (second["text"], second["version"]) == ("Teil 0. Teil 1. Teil 2.", 2)
    assert second["rerun"] == {"from_stage": "transcribe", "options": {"prompt": "Teil"}}
    assert second["tasks"][0]["id"] == first["tasks"][0]["id"], "the recording was cut once"
    assert runs(tmp_path) == [0, 0, 1, 1, 2, 2]

    assert act(stack, job_id, "rerun", from_stage="merge").status_code == 202
    third = stack.ended(job_id)
    assert (third["text"], third["version"]) == ("Teil 0. Teil 1. Teil 2.", 3)
    assert runs(tmp_path) == [0, 0, 1, 1, 2, 2]

    old = stack.read(job_id, version="1")
    assert old == first
    for number in ("1", "3"):
        told = stack.read(job_id, version=number, include="history")["history"]
        assert [row["to_status"] for row in told if row["task_id"] is None][-1] == "completed"
    assert stack.read(job_id, version="2")["text"] == second["text"]
    assert stack.read(job_id, version="3") == third
    versions = stack.client.get(f"{TRANSCRIPTIONS}/{job_id}/versions").json()["versions"]
    assert [(one["version"], one["status"], one.get("from_stage")) for one in versions] == [
        (1, "completed", None),
        (2, "completed", "transcribe"),
        (3, "completed", "merge"),
    ]
    missing = stack.client.get(f"{TRANSCRIPTIONS}/{job_id}", params={"version": 4})
    assert code(missing) == (404, "version_not_found")


def test_a_rerun_of_the_first_stage_cuts_the_recording_again(stack: Stack, tmp_path: Path) -> None:
    job_id = stack.submit(b"2")
    first = stack.ended(job_id)

    act(stack, job_id, "rerun", from_stage="prepare")
    second = stack.ended(job_id)

    assert second["text"] == first["text"]
    assert not {task["id"] for task in first["tasks"]} & {task["id"] for task in second["tasks"]}
    assert runs(tmp_path) == [0, 0, 1, 1]


def test_a_rerun_that_fails_leaves_the_old_result_and_can_be_retried(
    stack: Stack, tmp_path: Path
) -> None:
    job_id = stack.submit(b"3")
    first = stack.ended(job_id)
    (tmp_path / "fail-1").touch()
    act(stack, job_id, "rerun", from_stage="transcribe")
    failed = stack.ended(job_id)
    assert (failed["status"], failed["version"]) == ("failed", 2)
    assert "text" not in failed
    assert stack.read(job_id, version="1") == first

    (tmp_path / "fail-1").unlink()
    act(stack, job_id, "retry")
    again = stack.ended(job_id)
    assert (again["status"], again["version"], again["text"]) == ("completed", 2, first["text"])


def test_what_can_not_be_rerun_is_refused_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "hold-0").touch()
    job_id = stack.submit(b"1")
    until(lambda: runs(tmp_path), "the chunk to begin")
    assert code(act(stack, job_id, "rerun", from_stage="merge")) == (409, "job_not_finished")
    (tmp_path / "hold-0").unlink()
    before = stack.ended(job_id)

    wrong = act(stack, job_id, "rerun", from_stage="dance")
    assert code(wrong) == (400, "unknown_stage")
    assert "prepare, transcribe, check, merge" in wrong.json()["error"]["message"]
    unknown = act(stack, job_id, "rerun", from_stage="transcribe", options={"tempo": 2})
    assert code(unknown) == (400, "unsupported_option")
    assert "prompt" in unknown.json()["error"]["message"]
    # An option of an engine that would not work again.
    late = act(stack, job_id, "rerun", from_stage="merge", options={"prompt": "Teil"})
    assert code(late) == (400, "unsupported_option")
    long = act(stack, job_id, "rerun", from_stage="transcribe", options={"prompt": 30 * "x"})
    assert code(long) == (400, "invalid_parameter")
    assert code(act(stack, job_id, "rerun", from_stage="merge", more=1)) == (400, "malformed_body")
    assert code(act(stack, job_id, "rerun")) == (415, "unsupported_content_type")
    assert code(act(stack, "job_000000000000", "rerun", from_stage="merge"))[0] == 404
    assert stack.read(job_id) == before

    store = stack.deployment.store()
    chunks = [path for path in objects(stack, job_id) if path.endswith(".wav")]
    for path in chunks:
        asyncio.run(store.delete(path))
    gone = act(stack, job_id, "rerun", from_stage="transcribe")
    assert code(gone) == (409, "objects_gone")
    assert act(stack, job_id, "rerun", from_stage="merge").status_code == 202
    assert stack.ended(job_id)["text"] == before["text"]
    for path in objects(stack, job_id):
        if path.endswith("output.json"):
            asyncio.run(store.delete(path))
    assert code(act(stack, job_id, "rerun", from_stage="merge")) == (409, "objects_gone")


def test_many_reruns_at_once_make_one_version(stack: Stack) -> None:
    job_id = stack.submit(b"2")
    stack.ended(job_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: act(stack, job_id, "rerun", from_stage="merge"), range(8))
        )

    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [code(answer) for answer in answers if answer.status_code != 202]
    assert accepted
    assert set(refused) <= {(409, "job_not_finished")}
    assert stack.ended(job_id)["version"] == 1 + len(accepted)


def test_rerun_and_delete_at_once_leave_nothing(stack: Stack) -> None:
    for _ in range(3):
        job_id = stack.submit(b"2")
        stack.ended(job_id)
        with ThreadPoolExecutor(2) as pool:
            rerun = pool.submit(act, stack, job_id, "rerun", from_stage="merge")
            deleted = pool.submit(stack.client.delete, f"{TRANSCRIPTIONS}/{job_id}")
            assert rerun.result().status_code in {202, 404}
            assert deleted.result().status_code == 204
        assert stack.client.get(f"{TRANSCRIPTIONS}/{job_id}").status_code == 404


def test_cancel_kills_the_child_within_two_seconds_and_nothing_more_starts(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "hold-3").touch()
    job_id = stack.submit(b"50")
    until(lambda: 3 in runs(tmp_path), "chunk 3 to begin")
    [child] = set(children(tmp_path))

    began = time.monotonic()
    answer = act(stack, job_id, "cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    until(lambda: not is_alive(child), "the child to be killed", 2)
    assert time.monotonic() - began < 2
    (tmp_path / "hold-3").unlink()

    again = act(stack, job_id, "cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert stack.ended(stack.submit(b"1"))["status"] == "completed"
    assert not [number for number in runs(tmp_path) if number > 3]
    job = stack.read(job_id)
    assert job["status"] == "cancelled"
    # The optional stage fails for one chunk.
    assert {task["status"] for task in job["tasks"]} <= {"completed", "cancelled", "failed"}
    assert objects(stack, job_id), "what was done is kept"

    assert act(stack, job_id, "retry").status_code == 202
    done = stack.ended(job_id, 60)
    assert (done["status"], done["text"][:7]) == ("completed", "Part 0.")
    counts = [runs(tmp_path).count(number) for number in range(4, 50)]
    assert counts == [1] * 46


def test_36_a_job_that_has_ended_can_not_be_cancelled(stack: Stack, tmp_path: Path) -> None:
    completed = stack.submit(b"1")
    (tmp_path / "fail-2").touch()
    stack.ended(completed)
    failed = stack.submit(b"3")
    stack.ended(failed)

    for job_id in (completed, failed):
        before = stack.read(job_id)
        assert code(act(stack, job_id, "cancel")) == (409, "job_finished")
        assert stack.read(job_id) == before
    assert code(act(stack, "job_000000000000", "cancel")) == (404, "job_not_found")


def test_cancel_and_completion_at_once_give_one_end(stack: Stack) -> None:
    ends = []
    for pause in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3):
        job_id = stack.submit(b"1")
        began = time.monotonic()
        until(lambda: time.monotonic() - began >= pause, "its turn")  # noqa: B023 - asked at once
        answer = act(stack, job_id, "cancel")
        ends.append(stack.ended(job_id)["status"])
        assert answer.status_code == (200 if ends[-1] == "cancelled" else 409)
        history = stack.read(job_id, include="history")["history"]
        of_job = [row for row in history if row["task_id"] is None]
        last = [row for row in of_job if row["to_status"] in {"completed", "cancelled"}]
        assert len(last) == 1
    assert "cancelled" in ends


def test_what_failed_is_tried_again_later_each_time_and_holds_nobody_up(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "again-1").touch()
    job_id = stack.submit(b"2")
    waiting = until(
        lambda: next((t for t in stack.read(job_id)["tasks"] if "not_before" in t), None),
        "the first failure to be on record",
    )
    assert (waiting["status"], waiting["attempt"]) == ("ready", 2)
    other = stack.submit(b"1")
    assert stack.ended(other)["status"] == "completed"

    failed = stack.ended(job_id)

    assert (failed["status"], failed["error"]["code"]) == ("failed", "not_heard")
    history = stack.read(job_id, include="history")["history"]
    rows = [row for row in history if row["task_id"] == waiting["id"]]
    starts = [datetime.fromisoformat(row["at"]) for row in rows if row["to_status"] == "running"]
    assert len(starts) == 3
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(starts)]
    assert gaps[0] >= 0.95
    assert gaps[1] >= 1.95
