"""An engine that loads its model: seen from outside, and outside of any task's deadline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.stack import Stack, running
from tests.support.waiting import until

ENGINE = "loading-transcriber"


def state(stack: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = stack.client.get("/health/ready").json()["engines"][ENGINE]
    return shown


def test_progress_of_loading_is_shown_and_tasks_wait_uncharged(
    deployment: Deployment, tmp_path: Path, silence: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, ENGINE, "stub-merger", **gate.settings()) as stack:
        until(lambda: state(stack)["state"] == "loading", "the engine to say that it loads")
        until(lambda: state(stack).get("progress") == 0.25, "the progress to be shown")
        assert state(stack)["message"] == "downloading model huge"
        assert state(stack)["slots"] == 0
        job_id = stack.submit(silence, pipeline="loading")
        until(lambda: stack.read(job_id)["status"] == "running", "the job to be planned")
        assert stack.read(job_id)["tasks"][0]["status"] == "ready"

        gate.open()

        job = stack.ended(job_id)
        assert (job["status"], job["text"]) == ("completed", "Loaded.")
        assert job["tasks"][0]["attempt"] == 1
        assert state(stack)["state"] == "ready"


def test_an_engine_that_can_not_be_set_up_says_why(deployment: Deployment, tmp_path: Path) -> None:
    settings = Gate(tmp_path).settings()
    with running(deployment, DALSTON_MODEL=str(tmp_path / "none"), **settings) as stack:
        stack.migrate()
        stack.gateway()
        engine = stack.start("engine", "run", "faster-whisper")

        def failed() -> dict[str, Any] | None:
            shown: dict[str, Any] = stack.client.get("/health/ready").json()["engines"]
            return shown["faster-whisper"] if shown["faster-whisper"]["state"] == "failed" else None

        assert "none" in until(failed, "the engine to say that it failed")["message"]
        assert engine.logged("engine_setup_failed")[0]["code"] == "model_not_found"
