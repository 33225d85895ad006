"""A recording's length changes neither memory nor temporary disk, on every deployment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.babble import write_babble
from tests.support.deployment import REPOSITORY, Deployment
from tests.support.gate import Gate
from tests.support.peaks import FolderPeak, memory_peaks, small_disk
from tests.support.stack import TRANSCRIPTIONS, Stack, running

ENGINES = ("audio-prepare", "wordy-transcriber", "transcript-merger")
DISK_MB = 32
"""A recording of an hour takes 115, and its chunks as much again."""
MEMORY_MB = 12


def settings(gate: Path, disk: Path) -> dict[str, str]:
    engines = f"{REPOSITORY / 'engines'}:{Gate(gate).settings()['DALSTON_ENGINES']}"
    more = {"DALSTON_PIPELINE": "wordy", "DALSTON_ENGINES": engines}
    return Gate(gate).settings() | more | {"DALSTON_TEMPORARY_DIR": str(disk)}


def transcribed(stack: Stack, path: Path, seconds: float) -> dict[str, Any]:
    """Submit a recording without reading it whole, and wait for its transcript."""
    with path.open("rb") as file:
        answer = stack.client.post(TRANSCRIPTIONS, files={"file": (path.name, file)}, timeout=300)
    assert answer.status_code == 202, answer.text
    job = stack.ended(answer.json()["id"], seconds)
    assert job["status"] == "completed", job
    return job


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peaks of other processes")
def test_an_hour_takes_no_more_memory_and_disk_than_ten_minutes(
    deployment: Deployment, tmp_path: Path
) -> None:
    short = write_babble(tmp_path / "short.wav", 600)
    long = write_babble(tmp_path / "long.wav", 3600)
    with (
        small_disk(tmp_path / "disk", DISK_MB) as disk,
        running(deployment, **settings(tmp_path, disk)) as stack,
    ):
        stack.migrate()
        roles = {
            "orchestrator": stack.start("orchestrator").pid,
            "supervisor": stack.start("engine", "run", *ENGINES).pid,
            "gateway": stack.gateway().pid,
        }
        transcribed(stack, short, 180)
        before = memory_peaks(roles)
        folder = FolderPeak(disk)
        with folder.watching():
            job = transcribed(stack, long, 400)
        after = memory_peaks(roles)

    assert job["duration"] == 3600
    assert len(job["segments"]) > 600
    assert len([task for task in job["tasks"] if task["stage"] == "transcribe"]) > 60
    assert folder.looks > 20
    assert 0 < folder.highest < DISK_MB * 1024 * 1024
    assert set(before) == {*roles, *ENGINES}
    grown = {name: round(after[name] - before[name], 1) for name in before}
    assert max(grown.values()) < MEMORY_MB, grown
