"""Engines within a memory budget: loaded by their first task, unloaded when they are idle."""

from __future__ import annotations

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

THREE = ("first", "second", "third")


@pytest.fixture
def small(tmp_path: Path) -> SmallEngines:
    return SmallEngines(tmp_path)


@contextmanager
def serving(deployment: Deployment, *engines: str, **settings: str) -> Iterator[Stack]:
    """Run a server whose engines share one process: all of them, as in `dalston serve`, or some."""
    with running(deployment, **settings) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.start("engine", "run", *(engines or ("--all",)))
        stack.gateway()
        yield stack


def state(stack: Stack, engine: str) -> str:
    shown: dict[str, Any] = stack.client.get("/health/ready").json()["engines"]
    return str(shown[engine]["state"])


def text(stack: Stack, silence: Path, pipeline: str) -> str:
    job = stack.ended(stack.submit(silence, pipeline=pipeline))
    assert job["status"] == "completed", job
    return str(job["text"])


def refused(stack: Stack, silence: Path, pipeline: str) -> dict[str, Any]:
    with silence.open("rb") as file:
        answer = stack.client.post(
            TRANSCRIPTIONS, files={"file": file}, data={"pipeline": pipeline}
        )
    assert answer.status_code == httpx.codes.CONFLICT, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_an_engine_that_no_job_needs_is_not_loaded(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    small.add("first", 100)
    small.add("second", 100)
    with serving(deployment, **small.settings("first", 5000)) as stack:
        until(lambda: small.loaded("first"), "the default pipeline's engine to be loaded")
        until(lambda: state(stack, "second") == "idle", "the other one to be known")
        assert not small.ever_loaded("second")
        assert text(stack, silence, "second") == "first second"
        assert state(stack, "second") == "ready"


def test_two_models_are_never_loaded_beyond_the_memory(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    for name in THREE:
        small.add(name, 300)
    with serving(deployment, *THREE, **small.settings("first", 500)) as stack:
        names = THREE * 2
        jobs = [(name, stack.submit(silence, pipeline=name)) for name in names]
        for name, job_id in jobs:
            job = stack.ended(job_id)
            assert (job["status"], job["text"]) == ("completed", name)
            assert job["tasks"][0]["attempt"] == 1


def test_an_idle_engine_is_unloaded_and_comes_back(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    small.add("first", 100)
    settings = small.settings("first", 5000, DALSTON_ENGINE_IDLE_SECONDS="0.3")
    with serving(deployment, "first", **settings) as stack:
        assert text(stack, silence, "first") == "first"
        until(lambda: state(stack, "first") == "idle", "the engine to be unloaded")
        until(lambda: not small.loaded("first"), "its process to be gone")
        assert text(stack, silence, "first") == "first"
        assert len(small.ever_loaded("first")) > 1


def test_a_warm_engine_stays(deployment: Deployment, small: SmallEngines, silence: Path) -> None:
    small.add("first", 100)
    small.add("second", 100)
    with serving(deployment, "first", "second", **small.settings("first", 5000)) as stack:
        for name in ("first", "second", "first", "second"):
            text(stack, silence, name)
        assert [len(small.ever_loaded(name)) for name in ("first", "second")] == [1, 1]


def test_what_can_never_fit_is_refused_at_once(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    small.add("first", 100)
    small.add("huge", 100_000)
    with serving(deployment, "first", "huge", **small.settings("first", 500)) as stack:
        until(lambda: state(stack, "huge") == "failed", "the engine to say that it can't work")
        error = refused(stack, silence, "huge")
        assert error["code"] == "engine_not_usable"
        assert "DALSTON_ENGINE_MEMORY_MB" in error["message"]
        assert text(stack, silence, "first") == "first"
        assert not small.ever_loaded("huge")


def test_a_larger_model_takes_its_memory_and_a_too_large_one_is_refused(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    needs = "needs: {memory_mb: 100, model_memory_mb: {large: 450, giant: 9000}}\n"
    small.add("choosy", 100, MODEL + needs)
    small.add("other", 300)
    small.add_pipeline("large", "choosy", "{model: large}")
    small.add_pipeline("giant", "choosy", "{model: giant}")
    with serving(deployment, "choosy", "other", **small.settings("choosy", 500)) as stack:
        until(lambda: small.loaded("choosy") and small.loaded("other"), "both to be loaded")
        assert text(stack, silence, "choosy") == "choosy other"
        job = stack.ended(stack.submit(silence, pipeline="large"))
        assert (job["text"], job["model"]) == ("choosy", "large")
        assert text(stack, silence, "other") == "other"
        job = stack.ended(stack.submit(silence, pipeline="giant"))
        assert (job["status"], job["error"]["code"]) == ("failed", "not_enough_memory")
        assert "9000 MB" in job["error"]["message"]


def test_several_slots_share_the_memory(
    deployment: Deployment, small: SmallEngines, silence: Path
) -> None:
    small.add("first", 200)
    small.add("second", 200)
    settings = small.settings("first", 450, DALSTON_ENGINE_SLOTS="3")
    with serving(deployment, "first", "second", **settings) as stack:
        jobs = [stack.submit(silence, pipeline=name) for name in ("first", "second") * 4]
        for job_id in jobs:
            job = stack.ended(job_id)
            assert job["status"] == "completed"
            assert len(job["text"].split()) <= 2
