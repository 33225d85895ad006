"""Each example of `docs/clients/openai.md` does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployment import REPOSITORY
from tests.support.stack import TRANSCRIPTIONS, Stack

PAGE = (REPOSITORY / "docs" / "clients" / "openai.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
EXAMPLES = re.findall(r"```(python|sh)\n(.*?)```", PAGE, re.DOTALL)
TEXT = "This is a stub transcript. The system works!"


def test_every_example_is_one_of_these() -> None:
    assert PAGE.count("```") == 2 * len(EXAMPLES)
    assert len(EXAMPLES) == len(EXPECTED)


EXPECTED = (
    TEXT,
    "00:00:00,000 --> 00:00:02,000",
    f"{TRANSCRIPTIONS}/job_",
    "whisper-1\ngpt-transcribe",
    TEXT,
    TEXT,
)
"""What each example prints, in order."""


@pytest.mark.parametrize("number", range(len(EXPECTED)))
def test_an_example_runs(stub_server: Stack, tmp_path: Path, number: int) -> None:
    kind, code = EXAMPLES[number]
    assert ADDRESS in code
    code = code.replace(ADDRESS, stub_server.url)
    (tmp_path / "talk.wav").write_bytes(b"any bytes will do for a stub")
    command = (
        [sys.executable, "-c", code] if kind == "python" else ["sh", "-c", f"{code.strip()} -sS"]
    )
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert EXPECTED[number] in done.stdout
