"""What `dalston transcribe` says beside the transcripts, on standard error."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dalston.client.remarks import warnings_of
from tests.cli.conftest import Served, Shell
from tests.support.gate import Gate

Recordings = Callable[[str], Path]
BAR = "━".encode()
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


def test_what_may_be_wrong_in_a_transcript_is_told_beside_it(
    served: Served, tmp_path: Path
) -> None:
    """Text and subtitles have no place for the warnings."""
    seconds = tmp_path / "talk.wav"
    seconds.write_bytes(b"2 apart")
    doubt = served.gate.folder / "doubt-1"
    doubt.touch()
    try:
        done = served.shell.run(seconds, "--pipeline", "options", "--format", "srt")
    finally:
        doubt.unlink()
    warning = "dalston: talk.wav: warning at 0:01 to 0:02: Listen to it. [doubtful]\n"
    assert done.err.count(warning) == 1
    assert "Listen" not in done.out
    assert done.status == 0
    assert "warning" not in served.shell.run(seconds, "--pipeline", "options").err


def test_warnings_of_any_pipeline_are_lines_and_not_endless() -> None:
    told: list[object] = [
        {"code": "a", "message": "Many\n\x1b[2Jlines.", "start": 3725.9, "end": 3726}
    ]
    told += [{"message": "One."}, "a sentence", {"code": "b", "message": "Two.", "start": 1.0}]
    told += [{"code": "c", "message": "It.", "start": 0.0, "end": 59.9, "channel": 2}] * 30
    lines = list(warnings_of({"metadata": {"warnings": told}}))
    assert lines[:4] == [
        "warning at 1:02:05 to 1:02:06: Many??[2Jlines. [a]",
        "warning: One. [no code]",
        "warning: Two. [b]",
        "warning at 0:00 to 0:59, channel 2: It. [c]",
    ]
    assert lines[20:] == ["13 more warnings: --format json writes all of them"]
    for other in ({}, {"metadata": None}, {"metadata": {"warnings": "none"}}):
        assert list(warnings_of(other)) == []


def test_what_holds_for_all_files_is_said_once_and_one_file_is_one(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    files, out = [recordings("a.wav"), recordings("b.wav")], tmp_path / "out"
    assert served.shell.run(*files, "--output-dir", out).err.count("FAKE TEXT") == 1
    done = served.shell.run(files[0], "--output-dir", out, "--resume")
    assert "dalston: 1 file: 1 there already\n" in done.err


def test_no_name_of_a_file_can_say_what_has_not_happened(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    odd = recordings("a\ndalston: 1 file: all well\x1b[2J.wav")
    shown = "a?dalston: 1 file: all well?[2J.wav"
    done = served.shell.run(odd, "--output-dir", tmp_path / "out")
    assert f"dalston: {shown}: done in" in done.err
    runs = len(served.gate.begun())
    call = served.shell.begin(odd, "--pipeline", "gated")
    served.gate.wait_for_runs(runs + 1)
    call.signal(signal.SIGINT)
    stopped = call.end()
    assert f"dalston: stopped: {shown} (job_" in stopped.err
    for said in (done.err, stopped.err):
        assert "\x1b" not in said
        assert "\ndalston: 1 file" not in said


def test_the_server_that_has_a_transcript_is_named_where_it_can_not_be_written(
    served: Served, silence: Path, tmp_path: Path
) -> None:
    (tmp_path / "silence.txt").mkdir()
    data_dir = str(served.shell.data_dir)
    by_address = served.shell.run(silence, "-o", tmp_path, "--server", served.url)
    by_folder = served.shell.run(silence, "-o", tmp_path)
    by_default = served.shell.run(silence, "-o", tmp_path, DALSTON_DATA_DIR=data_dir)
    ids = [str(job["id"]) for job in served.listed()[2::-1]]
    for done, job_id, server in (
        (by_address, ids[0], f" --server {served.url}"),
        (by_folder, ids[1], f" --data-dir {data_dir}"),
        (by_default, ids[2], ""),
    ):
        assert done.status == 1
        assert f"The server has it: `dalston jobs export {job_id}{server}` writes it.\n" in done.err


def test_closed_standard_output_is_said_before_anything_is_done(
    served: Served, silence: Path
) -> None:
    before = served.listed()
    command = [sys.executable, "-m", "dalston", "transcribe", str(silence)]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command, "--data-dir", served.shell.data_dir],
        env=served.shell.environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    said = "dalston: Standard output is closed. Name a folder: --output-dir DIR\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert served.listed() == before


def test_nothing_is_redrawn_after_ctrl_c(shell: Shell, gate: Gate, silence: Path) -> None:
    """While the server of the call is being stopped, which takes seconds."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "dalston", "transcribe", str(silence), "--pipeline", "gated"]
    process = subprocess.Popen(
        [*call, "--data-dir", str(shell.data_dir)],
        env={**shell.environment, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    gate.wait_for_runs(1)
    process.send_signal(signal.SIGINT)
    shown = b""
    # Linux ends it with an error, once nobody has the other side open.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 130
    before, _, after = shown.partition(b"is deleted)")
    assert BAR in before
    assert BAR not in after
