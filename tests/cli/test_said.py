"""What `dalston transcribe` says beside the transcripts, on standard error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Served

Recordings = Callable[[str], Path]
NO_SPEAKERS = "dalston: no speakers are known: add --diarize\n"


@pytest.mark.parametrize("output_format", ["srt", "vtt", "txt"])
def test_speakers_that_nobody_has_found_are_missed_once(
    served: Served, recordings: Recordings, tmp_path: Path, output_format: str
) -> None:
    files = [recordings("a.wav"), recordings("b.wav")]
    options = ("--format", output_format, "--output-dir", tmp_path / "out")
    assert served.shell.run(*files, *options, "--speakers").err.count(NO_SPEAKERS) == 1
    assert "no speakers" not in served.shell.run(*files, *options).err


def test_speakers_that_are_known_are_not_missed(served: Served, tmp_path: Path) -> None:
    seconds = tmp_path / "two.wav"
    seconds.write_bytes(b"2")
    options = (seconds, "--pipeline", "options", "--format", "vtt", "--speakers")
    assert served.shell.run(*options).err.count(NO_SPEAKERS) == 1
    done = served.shell.run(*options, "--diarize")
    assert "Speaker_1: " in done.out
    assert "no speakers" not in done.err
