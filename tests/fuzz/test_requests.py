"""Requests that the description of the interface allows, and many that it doesn't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.stack import Stack

SETTINGS = Path(__file__).parent / "schemathesis.toml"
PER_CASE = 8
"""So many fewer requests of a kind than damaged recordings: each stands for several phases."""


def test_whatever_is_asked_is_answered_as_described(
    server: Stack, cases: int, tmp_path: Path
) -> None:
    count = str(max(5, cases // PER_CASE))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", SETTINGS, "run"),
            *(f"{server.url}/openapi.json", "--checks", "all", "--max-examples", count),
            *("--seed", "1", "--no-color"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Operations:       0 selected" not in done.stdout
