"""A job whose model or packages aren't there is refused, and accepted once they are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.deployment import Deployment
from tests.support.small_engines import MODEL, SmallEngines
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

STORE = """
from pathlib import Path
from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.models import Model, ModelStore, Verification


class Folders(ModelStore):
    def list(self):
        return [self.find(path.name) for path in Path(self.config["models_folder"]).iterdir()]

    def find(self, name):
        return Model(name, (Path(self.config["models_folder"]) / name).is_dir(), "folder")

    def pull(self, name):
        (Path(self.config["models_folder"]) / name).mkdir()
        return self.find(name)

    def verify(self, name):
        return Verification(self.find(name))

    def remove(self, name):
        (Path(self.config["models_folder"]) / name).rmdir()
        return self.find(name)
"""
SETUP = """
    def setup(self):
        gate = Path(self.config["models_folder"]).parent / "gate"
        if gate.exists():
            self.setup_progress("downloading model", 1, 4)
        while gate.exists():
            time.sleep(0.02)
        if not (Path(self.config["models_folder"]) / self.config["model"]).is_dir():
            raise TaskFailed("model_not_found", "It is nowhere.")
"""
CODE = """
import time
from pathlib import Path
from dalston.engine_sdk import Engine, TaskFailed, TaskOutput


class Choosy(Engine):
    def process(self, input):
        return TaskOutput({"text": input.config["model"], "segments": []})
"""
FOLDER = "    models_folder: {type: [string, 'null'], default: null}\n"


@pytest.fixture
def small(tmp_path: Path) -> SmallEngines:
    small = SmallEngines(tmp_path)
    folder = small.add("choosy", 100, MODEL + FOLDER)
    (folder / "engine.py").write_text(CODE + SETUP)
    (folder / "models.py").write_text(STORE)
    small.add_pipeline("large", "choosy", "{model: large}")
    return small


@contextmanager
def serving(deployment: Deployment, small: SmallEngines) -> Iterator[Stack]:
    (deployment.folder / "models").mkdir(exist_ok=True)
    with running(deployment, "choosy", **small.settings("choosy", 5000)) as stack:
        yield stack


def engine(stack: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = stack.client.get("/health/ready").json()["engines"]["choosy"]
    return shown


def submit(stack: Stack, silence: Path, pipeline: str) -> httpx.Response:
    with silence.open("rb") as file:
        return stack.client.post(TRANSCRIPTIONS, files={"file": file}, data={"pipeline": pipeline})


def test_without_the_model_a_job_is_refused_and_with_it_accepted(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    with serving(deployment, small) as stack:
        until(lambda: engine(stack)["state"] == "failed", "the engine to say that it failed")

        def refused() -> dict[str, Any] | None:
            answer = submit(stack, silence, "choosy")
            assert answer.status_code == httpx.codes.CONFLICT
            error: dict[str, Any] = answer.json()["error"]
            # Which models it has, an engine says a moment after it has failed.
            return error if error["code"] == "model_missing" else None

        error = until(refused, "the engine to say which models it has")
        assert error["param"] == "pipeline"
        assert "dalston models pull tiny --engine choosy" in error["message"]
        assert stack.client.get(TRANSCRIPTIONS).json()["jobs"] == []

        pull(deployment, stack, "tiny")

        until(lambda: engine(stack)["state"] == "ready", "the engine to load it at once")
        job_id = stack.submit(silence, pipeline="choosy")
        assert stack.ended(job_id)["text"] == "tiny"


def pull(deployment: Deployment, stack: Stack, model: str) -> None:
    stack.start("models", "pull", model, "--engine", "choosy")
    until((deployment.folder / "models" / model).is_dir, "the model to be brought")


def test_a_pipeline_with_another_model_is_judged_by_that(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    (deployment.folder / "models" / "tiny").mkdir(parents=True)
    with serving(deployment, small) as stack:
        until(lambda: engine(stack)["state"] == "ready", "the engine to be ready")
        until(
            lambda: submit(stack, silence, "large").status_code == httpx.codes.CONFLICT,
            "the engine to say which models there are",
        )
        error = submit(stack, silence, "large").json()["error"]
        assert "dalston models pull large --engine choosy" in error["message"]
        assert submit(stack, silence, "choosy").status_code == httpx.codes.ACCEPTED

        pull(deployment, stack, "large")

        until(
            lambda: submit(stack, silence, "large").status_code == httpx.codes.ACCEPTED,
            "the model to be known",
        )


def test_while_the_model_is_being_brought_a_job_is_accepted(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    (deployment.folder / "gate").touch()
    with serving(deployment, small) as stack:
        until(lambda: engine(stack).get("progress") == 0.25, "the engine to download its model")
        answer = submit(stack, silence, "choosy")
        assert answer.status_code == httpx.codes.ACCEPTED
        (deployment.folder / "models" / "tiny").mkdir()
        (deployment.folder / "gate").unlink()
        assert stack.ended(answer.json()["id"])["text"] == "tiny"


def test_one_engine_that_has_the_model_is_enough(
    deployment: Deployment, small: SmallEngines, silence: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "models" / "tiny").mkdir(parents=True)
    with serving(deployment, small) as stack:
        until(lambda: engine(stack)["state"] == "failed", "the engine to say that it failed")
        assert submit(stack, silence, "choosy").status_code == httpx.codes.CONFLICT
        stack.start("engine", "run", "choosy", DALSTON_DATA_DIR=str(elsewhere))
        until(lambda: engine(stack)["state"] == "ready", "another machine's engine to be ready")
        assert engine(stack)["instances"] == 2
        assert submit(stack, silence, "choosy").status_code == httpx.codes.ACCEPTED


def test_an_engine_without_its_packages_disturbs_nobody(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    (deployment.folder / "models" / "tiny").mkdir(parents=True)
    folder = small.add("bare", 100)
    (folder / "requirements.txt").write_text("a-package-that-nobody-has==1.0\n")
    settings = small.settings("choosy", 5000)
    with running(deployment, **settings) as stack:
        stack.migrate()
        stack.start("orchestrator")
        engines = stack.start("engine", "run", "--all")
        stack.gateway()

        def bare() -> dict[str, Any]:
            shown: dict[str, Any] = stack.client.get("/health/ready").json()["engines"]["bare"]
            return shown

        until(
            lambda: "dalston engine install bare" in bare().get("message", ""),
            "the engine to say what it lacks",
        )
        error = submit(stack, silence, "bare").json()["error"]
        assert error["code"] == "engine_not_usable"
        assert "dalston engine install bare" in error["message"]
        assert stack.ended(stack.submit(silence))["text"] == "tiny"
        lacking = engines.logged("engine_not_installed")
        assert [line["engine_id"] for line in lacking].count("bare") == 1
        assert {line["level"] for line in lacking} == {"info"}
        failed = [line["engine_id"] for line in engines.logged("engine_setup_failed")]
        assert "bare" not in failed
        assert bare()["state"] == "failed"
        assert bare()["code"] == "engine_not_installed"
        listed = subprocess.run(
            [sys.executable, "-m", "dalston", "engines", "--server", stack.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        assert re.search(r"^bare +not installed +0 at once ", listed, re.MULTILINE)
