"""The examples, each as its README has it: on a real server, with nothing of Dalston changed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.deployment import REPOSITORY, Deployment
from tests.support.stack import running

MORSE = REPOSITORY / "examples" / "morse-reader"
ENGINE = MORSE / "engines" / "transcribe" / "morse-reader"
MOST_LINES = 30


def keyed(code: str, path: Path) -> Path:
    """Make a recording as the example's own test makes it."""
    spec = importlib.util.spec_from_file_location("morse_test", ENGINE / "test_engine.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make: Callable[[str, Path], Path] = module.keyed
    return make(code, path)


def test_the_engine_is_short_and_passes_its_own_test() -> None:
    lines = (ENGINE / "engine.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= MOST_LINES
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ENGINE)], check=True
    )


def test_its_pipeline_makes_a_transcript(deployment: Deployment, tmp_path: Path) -> None:
    recording = keyed(".... . .-.. .-.. --- / - .... . .-. .", tmp_path / "hello.wav")
    settings = {
        "DALSTON_ENGINES": str(MORSE / "engines"),
        "DALSTON_PIPELINES": str(MORSE / "pipelines"),
        "DALSTON_PIPELINE": "morse",
    }
    engines = ("audio-prepare", "morse-reader", "transcript-merger")
    with running(deployment, *engines, **settings) as stack:
        job = stack.ended(stack.submit(recording))
    assert (job["status"], job["text"]) == ("completed", "HELLO THERE")
    assert job["metadata"]["pipeline"] == list(engines)
