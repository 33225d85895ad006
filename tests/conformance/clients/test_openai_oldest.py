"""The oldest client of OpenAI's present interface for Python, in packages of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import Stack

FOLDER = Path(__file__).parent / "oldest"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install what the client of that time needs at other versions than ours."""
    target = tmp_path_factory.mktemp("oldest")
    options = ["--quiet", "--no-deps", "--require-hashes", "--disable-pip-version-check"]
    options += ["--target", str(target), "--requirement", str(FOLDER / "requirements.txt")]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options],
        check=True,
        timeout=240,
    )
    return target


def test_formats_models_and_errors(stub_server: Stack, packages: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "client.py"), stub_server.url],
        env=os.environ | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "all is as it should be", done.stdout + done.stderr
