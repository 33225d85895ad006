"""Each example of `docs/clients/dialects.md` does what it says, and its tables are right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dalston.gateway.dialects import assemblyai, deepgram, elevenlabs
from tests.support.deployment import REPOSITORY
from tests.support.stack import Stack

PAGE = (REPOSITORY / "docs" / "clients" / "dialects.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TEXT = "This is a stub transcript. The system works!"
EXPECTED = (f"{TEXT}\n{TEXT}\n", f"{TEXT}\n0.0 2.0 This is", f"{TEXT}\n0 2000 This is")
"""What each example prints first, in order."""


def test_every_example_is_one_of_these() -> None:
    assert PAGE.count("```") == 2 * len(EXAMPLES) == 2 * len(EXPECTED)


@pytest.mark.parametrize("number", range(len(EXPECTED)))
def test_an_example_runs(stub_server: Stack, tmp_path: Path, number: int) -> None:
    assert ADDRESS in EXAMPLES[number]
    (tmp_path / "talk.wav").write_bytes(b"any bytes will do for a stub")
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[number].replace(ADDRESS, stub_server.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(EXPECTED[number])


@pytest.mark.parametrize(
    ("vendor", "known"),
    [
        ("ElevenLabs", elevenlabs.FIELDS),
        ("Deepgram", deepgram.PARAMETERS),
        ("AssemblyAI", assemblyai.FIELDS),
    ],
)
def test_the_page_names_only_what_there_is(vendor: str, known: tuple[str, ...]) -> None:
    found = re.search(rf"^## {vendor}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    rows = re.findall(r"^\| (`[^|]+) \|", found[1], re.MULTILINE)
    names = {name.partition("=")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    names.discard("speaker_options")
    assert len(names) >= 8
    assert names <= set(known)
