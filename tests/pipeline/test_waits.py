"""What would wait or run for ever ends with a reason: absent engines, deadlines."""

from __future__ import annotations

from pathlib import Path

from tests.support.deployment import Deployment, age
from tests.support.gate import ENGINES, Gate
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

_SEEN_SECONDS = 60.0
"""Every tenth sweep looks."""


def settings(folder: Path, pipeline: str = "chunks") -> dict[str, str]:
    return Gate(folder).settings() | {"DALSTON_PIPELINE": pipeline}


def waiting(stack: Stack, job_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = stack.read(job_id).get("waiting_for", [])
    return found


def test_no_live_engine_for_a_stage(deployment: Deployment, tmp_path: Path) -> None:
    """A job says what it waits for, and fails after a while; an optional stage is left out."""
    environment = settings(tmp_path) | {"DALSTON_NO_ENGINE_SECONDS": "2"}
    with running(deployment, **environment) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.gateway()
        age(deployment.redis())
        stack.start("engine", "run", "cutting-preparer", "part-transcriber", "listing-merger")
        lacking = stack.submit(b"1", pipeline="gated")
        until(lambda: waiting(stack, lacking), "the job to say what it waits for")
        assert waiting(stack, lacking) == [
            {"stage": "transcribe", "engine_id": "gated-transcriber", "state": "absent"}
        ]
        job_id = stack.submit(b"2")
        until(
            lambda: [one["stage"] for one in waiting(stack, job_id)] == ["check"],
            "the optional stage to be waited for",
        )

        failed = stack.ended(lacking, _SEEN_SECONDS)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "no_engine_available")
        assert "gated-transcriber" in failed["error"]["message"]
        history = stack.read(lacking, include="history")["history"]
        steps = [(r["from_status"], r["to_status"]) for r in history if r["task_id"]]
        assert ("ready", "failed") in steps

        job = stack.ended(job_id, _SEEN_SECONDS)
        assert (job["status"], job["text"]) == ("completed", "Part 0. Part 1.")
        checks = [task for task in job["tasks"] if task["stage"] == "check"]
        assert [task["error"]["code"] for task in checks] == 2 * ["no_engine_available"]
        assert len(job["metadata"]["warnings"]) == 2

        (tmp_path / "open").touch()
        stack.start("engine", "run", *ENGINES)
        assert stack.client.post(f"{TRANSCRIPTIONS}/{lacking}/retry").status_code == 202
        assert stack.ended(lacking)["text"] == "Through."


def test_a_job_ends_at_its_deadline_and_goes_on_when_it_is_retried(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    environment = gate.settings() | {"DALSTON_JOB_DEADLINE_SECONDS": "1000"}
    with running(deployment, *ENGINES, **environment) as stack:
        job_id = stack.submit(b"x", deadline_seconds="1.5")
        other = stack.submit(b"x")
        assert stack.read(job_id)["deadline_seconds"] == 1.5
        assert stack.read(other)["deadline_seconds"] == 1000.0
        [child] = gate.wait_for_runs(1)

        failed = stack.ended(job_id)

        assert (failed["status"], failed["error"]["code"]) == ("failed", "deadline_exceeded")
        gate.wait_for_runs(2)
        assert child not in gate.done()
        assert stack.read(other)["status"] == "running"
        gate.open()
        assert stack.ended(other)["status"] == "completed"
        assert stack.client.post(f"{TRANSCRIPTIONS}/{job_id}/retry").status_code == 202
        assert stack.ended(job_id)["status"] == "completed"


def test_wishes_that_are_no_wishes_are_refused(stub_server: Stack) -> None:
    wrong = {
        "deadline_seconds": ["0", "-1", "nan", "1e3", "10000001", "٣"],
        "retention": ["forever", "DELETE_ALL"],
        "retention_days": ["-1", "inf", "100001", "one"],
    }
    for name, values in wrong.items():
        for value in values:
            answer = stub_server.client.post(
                TRANSCRIPTIONS, data={name: value}, files={"file": ("a.wav", b"x")}
            )
            assert answer.status_code == 400, (name, value)
            assert answer.json()["error"]["param"] == name
            assert answer.json()["error"]["code"] == "invalid_parameter"
