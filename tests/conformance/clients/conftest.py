"""What the tests with other people's clients share."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.demo_recording import recording

OLDEST = Path(__file__).parent / "oldest"
SECONDS = 6
AskOldest = Callable[[str, Path, str], None]


@pytest.fixture(scope="session")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of the demo's recording: it was the best of times, …"""
    path = tmp_path_factory.mktemp("opening") / "talk.wav"
    with wave.open(str(recording())) as whole, wave.open(str(path), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(SECONDS * whole.getframerate()))
    return path


@pytest.fixture(scope="session")
def ask_oldest(tmp_path_factory: pytest.TempPathFactory) -> AskOldest:
    """Ask a server as the oldest client of OpenAI's present interface for Python does."""
    target = tmp_path_factory.mktemp("oldest")
    options = ["--quiet", "--no-deps", "--require-hashes", "--disable-pip-version-check"]
    options += ["--target", str(target), "--requirement", str(OLDEST / "requirements.txt")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True, timeout=240)

    def ask(url: str, audio: Path, words: str) -> None:
        done = subprocess.run(
            [sys.executable, str(OLDEST / "client.py"), url, str(audio), words],
            env=os.environ | {"PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.stdout.strip() == "all is as it should be", done.stdout + done.stderr

    return ask
