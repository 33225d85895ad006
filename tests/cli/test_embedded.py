"""`dalston transcribe` without a server: one is started for the call, and nothing of it stays."""

from __future__ import annotations

import signal
from pathlib import Path

from dalston.common.formats import to_txt
from scripts.demo_recording import WORDS, recording, word_error_rate
from tests.cli.conftest import Shell
from tests.support.gate import Gate
from tests.support.waiting import until

TEXT = "This is a stub transcript. The system works!\n"


def test_a_server_is_started_for_the_call_and_leaves_nothing(shell: Shell, silence: Path) -> None:
    done = shell.run(silence)
    assert (done.status, done.out) == (0, TEXT), done.err
    assert "starting a server for this call" in done.err
    assert shell.processes() == []
    assert shell.jobs() == []
    assert not (shell.data_dir / "server.json").exists()
    assert "server_stopping" in (shell.data_dir / "logs" / "transcribe.log").read_text()
    # Nor of what was said, or in which file.
    for said in (b"stub transcript", silence.name.encode()):
        assert said not in (shell.data_dir / "dalston.db").read_bytes()
    assert sorted(path.name for path in shell.data_dir.glob("dalston.db*")) == ["dalston.db"]


def test_a_transcript_that_can_not_be_written_is_kept(
    shell: Shell, silence: Path, tmp_path: Path
) -> None:
    (tmp_path / "silence.txt").mkdir()
    done = shell.run(silence, "--output-dir", tmp_path)
    assert done.status == 1
    [job_id] = shell.jobs()
    where = f"--data-dir {shell.data_dir}"
    assert (
        f"can't be written: Is a directory. The server has it: `dalston jobs export {job_id} "
        f"{where}` writes it, with `dalston serve {where}` running.\n" in done.err
    )


def test_a_server_that_can_not_start_says_why(shell: Shell, silence: Path) -> None:
    done = shell.run(silence, DALSTON_PIPELINE="nonsense")
    assert (done.status, done.out) == (1, "")
    assert "DALSTON_PIPELINE is 'nonsense'" in done.err
    assert "transcribe.log" in done.err
    assert shell.processes() == []


def test_ctrl_c_stops_the_job_and_the_server(shell: Shell, gate: Gate, silence: Path) -> None:
    call = shell.begin(silence, "--pipeline", "gated")
    gate.wait_for_runs(1)
    call.signal(signal.SIGINT)
    done = call.end(15)
    assert (done.status, done.out) == (130, "")
    assert "is deleted)" in done.err
    assert shell.processes() == []
    assert shell.jobs() == []


def test_an_engine_that_can_not_start_fails_the_file_and_stops_the_server(
    shell: Shell, silence: Path, tmp_path: Path
) -> None:
    changes = {
        "DALSTON_PIPELINE": "default",
        "DALSTON_TRANSCRIBE_ENGINE": "faster-whisper",
        "DALSTON_MODEL": str(tmp_path / "there-is-no-model"),
    }
    done = shell.run(silence, **changes)
    assert (done.status, done.out) == (1, "")
    # Whether it is noticed before the file is sent or behind it, the engine's reason is told.
    assert "the engine faster-whisper" in done.err.lower()
    assert "there-is-no-model" in done.err
    assert shell.processes() == []


def test_calls_at_once_share_a_server_and_outlive_the_one_that_started_it(
    shell: Shell, gate: Gate, silence: Path
) -> None:
    first = shell.begin(silence, "--pipeline", "gated")
    gate.wait_for_runs(1)
    second = shell.begin(silence, "--pipeline", "gated")
    until(lambda: len(shell.jobs()) == 2, "the second call to submit its job")
    first.signal(signal.SIGKILL)
    killed = first.end()
    # The new server takes the killed call's job back as well: two more runs.
    gate.open()
    done = second.end()
    assert killed.err.count("starting a server") == 1
    assert (done.status, done.out) == (0, "Through.\n"), done.err
    assert done.err.count("starting a server") == 1
    assert shell.processes() == []


def test_real_speech_becomes_its_words_and_subtitles_that_fit_the_screen(
    shell: Shell, tmp_path: Path
) -> None:
    real = {"DALSTON_PIPELINE": "default", "DALSTON_TRANSCRIBE_ENGINE": "faster-whisper"}
    spoken = recording()
    # At once, so that they share a server and its model.
    calls = (
        shell.begin(spoken, "--language", "en", **real),
        shell.begin(spoken, "--language", "en", "-f", "srt", "-o", tmp_path, **real),
    )
    done, subtitles = (call.end() for call in calls)
    assert done.status == 0, done.err
    assert word_error_rate(WORDS, done.out) <= 0.10
    assert done.out == to_txt({"text": done.out.strip(), "segments": []})
    assert "44.4 s of audio done in" in done.err
    assert subtitles.status == 0, subtitles.err
    text = tmp_path.joinpath(f"{spoken.stem}.srt").read_text(encoding="utf-8")
    cues = [cue.splitlines()[2:] for cue in text.split("\n\n")]
    assert max(len(line) for cue in cues for line in cue) <= 42
    assert {len(cue) for cue in cues} == {1, 2}
    assert word_error_rate(WORDS, " ".join(line for cue in cues for line in cue)) <= 0.10
