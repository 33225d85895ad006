"""The engines that say the same about every recording."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dalston.common.engine_spec import read_engine
from dalston.engine_sdk.testing import run_engine
from tests.engines.sounds import ENGINES

TRANSCRIBER = ENGINES / "transcribe" / "stub-transcriber"
MERGER = ENGINES / "merge" / "stub-merger"
SEGMENTS = [
    {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
    {"start": 2.0, "end": 4.0, "text": "The system works!"},
]
TRANSCRIPTION = {
    "text": "This is a stub transcript. The system works!",
    "segments": SEGMENTS,
    "language": "en",
}


@pytest.fixture
def anything(tmp_path: Path) -> Path:
    path = tmp_path / "original.bin"
    path.write_bytes(b"not even sound")
    return path


def test_transcriber_returns_exactly_this(anything: Path) -> None:
    assert run_engine(TRANSCRIBER, anything).data == TRANSCRIPTION


def test_merger_returns_exactly_this(anything: Path) -> None:
    previous = {"transcribe": {**TRANSCRIPTION, "warnings": ["not handed on"]}}
    assert run_engine(MERGER, anything, previous=previous).data == {
        "text": TRANSCRIPTION["text"],
        "segments": SEGMENTS,
        "speakers": [],
        "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
    }


@pytest.mark.parametrize("folder", [TRANSCRIBER, MERGER])
def test_neither_looks_at_the_audio(folder: Path) -> None:
    assert read_engine(folder).needs.audio is False


def test_a_supervisor_opens_the_store_when_something_is_asked_of_it(tmp_path: Path) -> None:
    """An engine that waits for work, or needs no object for it, doesn't hold its library."""
    code = (
        "import asyncio, sys, pathlib, dalston.runtime, dalston.engine_sdk.runner\n"
        "from dalston.common.storage import ObjectStore, StoreSettings\n"
        f"store = ObjectStore(StoreSettings(folder=pathlib.Path({str(tmp_path)!r})))\n"
        "print('obstore' in sys.modules, asyncio.run(store.answers()), 'obstore' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "True", "True"]
