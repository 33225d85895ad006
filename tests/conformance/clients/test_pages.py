"""Each example of the pages in `docs/clients/` does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployment import REPOSITORY
from tests.support.stack import TRANSCRIPTIONS, Stack

FOLDER = REPOSITORY / "docs" / "clients"
ADDRESS = "http://127.0.0.1:8000"
TEXT = "This is a stub transcript. The system works!"
SRT = "00:00:00,000 --> 00:00:02,000"
EXPECTED = {
    "openai.md": (TEXT, SRT, f"{TRANSCRIPTIONS}/job_", "whisper-1\ngpt-transcribe", TEXT, TEXT),
    "python.md": (f"{TEXT}\n   0.00 This is", f"100%\n1\n{SRT}", "The system works!"),
    "shell.md": (TEXT, SRT, "3 transcribed", "1 transcribed, 2 there already", "stub-merger"),
    "subtitles.md": ("talk.wav: done", SRT, "00:00:00.000 --> 00:00:02.000"),
}
"""What each example prints, in order. Pages about more than a client alone have their own tests."""
OTHERS = {"dialects.md", "webhooks.md"}


def examples_of(page: str) -> list[tuple[str, str]]:
    text = (FOLDER / page).read_text(encoding="utf-8")
    found = re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)
    assert text.count("```") == 2 * len(found)
    return found


def test_every_page_is_one_of_these() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} - OTHERS == set(EXPECTED)


@pytest.mark.parametrize("page", EXPECTED)
def test_the_examples_of_a_page_run_one_after_the_other(
    stub_server: Stack, tmp_path: Path, page: str
) -> None:
    for name in ("talk.wav", "recordings/a.wav", "recordings/b/c.mp3", "recordings/b/d.flac"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"any bytes will do for a stub")
    examples = examples_of(page)
    assert len(examples) == len(EXPECTED[page])
    for (kind, code), expected in zip(examples, EXPECTED[page], strict=True):
        assert ADDRESS in code
        said = run(kind, code.replace(ADDRESS, stub_server.url), tmp_path)
        assert expected in said, code
        if expected == "3 transcribed":
            assert (tmp_path / "transcripts" / "b" / "c.srt").read_text().startswith("1\n")
            (tmp_path / "transcripts" / "b" / "d.srt").unlink()


def run(kind: str, code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code] if kind == "python" else ["sh", "-ec", code]
    found = Path(sys.executable).parent
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{found}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
