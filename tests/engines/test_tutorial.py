"""The tutorial in docs/engines.md, taken at its word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.deployment import REPOSITORY


def blocks(language: str) -> list[str]:
    """Return the code blocks of one language, in order."""
    text = (REPOSITORY / "docs" / "engines.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(commands: str, folder: Path) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tutorial_works_word_by_word(tmp_path: Path) -> None:
    make, try_it, test_it, *_ = blocks("sh")
    code, test, *_ = blocks("python")
    config, *_ = blocks("yaml")
    run(make, tmp_path)
    engine = tmp_path / "my-engines" / "transcribe" / "beep-finder"
    run(test_it, tmp_path)

    (engine / "engine.py").write_text(code, encoding="utf-8")
    described = (engine / "engine.yaml").read_text(encoding="utf-8")
    described, replaced = re.subn(r"^config:\n(?: .*\n)+", config, described, flags=re.MULTILINE)
    assert replaced == 1
    (engine / "engine.yaml").write_text(described, encoding="utf-8")

    printed = run(try_it, tmp_path)
    results, end = [], 0
    while printed[end:].strip():
        result, end = json.JSONDecoder().raw_decode(printed, end)
        results.append(result)
        end += 1
    found, nothing = results
    assert [(s["start"], s["end"]) for s in found["segments"]] == [(1, 2), (3, 4), (5, 6)]
    assert nothing["segments"] == []

    (engine / "test_engine.py").write_text(test, encoding="utf-8")
    assert "1 passed" in run(test_it, tmp_path)
