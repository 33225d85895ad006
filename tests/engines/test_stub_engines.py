"""The engines that say the same about every recording."""

from __future__ import annotations

from pathlib import Path

import pytest

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
