"""`dalston transcribe` on a server that runs already: what it writes and its exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dalston.client.recordings import Recording
from dalston.client.transcribe import transcribe_files
from dalston.common.formats import FORMATS
from tests.cli.conftest import Served, Shell
from tests.support.relay import relay
from tests.support.waiting import until
from tests.support.web import web_server

TEXT = "This is a stub transcript. The system works!\n"
TRANSCRIPT = {
    "text": "This is a stub transcript. The system works!",
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
        {"start": 2.0, "end": 4.0, "text": "The system works!"},
    ],
    "speakers": [],
    "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
}
Recordings = Callable[[str], Path]


@pytest.mark.parametrize("output_format", list(FORMATS))
def test_standard_output_is_the_transcript_and_nothing_else(
    served: Served, silence: Path, output_format: str
) -> None:
    done = served.shell.run(silence, "--format", output_format)
    # Lines of CSV end as RFC 4180 says; Python's pipes read any end of a line as one.
    expected = FORMATS[output_format](TRANSCRIPT).replace("\r\n", "\n")
    assert (done.status, done.out) == (0, expected), done.err


def test_standard_error_says_what_happens_in_lines_and_that_the_text_is_fake(
    served: Served, silence: Path
) -> None:
    done = served.shell.run(silence)
    assert "silence.wav: upload 0.0 MB" in done.err
    assert "FAKE TEXT" in done.err
    assert re.search(r"silence\.wav: done in \d+\.\d s", done.err)
    assert "\x1b" not in done.err


def test_the_server_on_the_data_folder_is_used_and_left_running(
    served: Served, recordings: Recordings
) -> None:
    before = len(served.listed())
    assert served.shell.run(recordings("used.wav")).status == 0
    jobs = served.listed()
    assert len(jobs) == before + 1
    assert (jobs[0]["filename"], jobs[0]["status"]) == ("used.wav", "completed")
    assert served.process.poll() is None


def test_a_server_can_be_named(served: Served, silence: Path, tmp_path: Path) -> None:
    address = served.url.removeprefix("http://") + "/"
    done = served.shell.run(silence, "--server", address, DALSTON_DATA_DIR=str(tmp_path / "none"))
    assert (done.status, done.out) == (0, TEXT), done.err
    assert not (tmp_path / "none").exists()


def test_a_recording_may_be_at_an_address(
    shell: Shell, recordings: Recordings, tmp_path: Path
) -> None:
    permitted = {"DALSTON_FETCH_PRIVATE_ADDRESSES": "true"}
    with web_server() as web:
        web.files["/talks/a%20talk.wav"] = recordings("one.wav").read_bytes()
        address = f"{web.url}/talks/a%20talk.wav?signature=verysecret"
        # At once, so that they share a server.
        calls = (
            shell.begin(address, recordings("two.wav"), **permitted),
            shell.begin(address, "--output-dir", tmp_path / "texts", **permitted),
        )
        done, folder = (call.end() for call in calls)
        refused = shell.run(address)
    assert (done.status, done.out) == (
        0,
        f"==> a talk.wav <==\n{TEXT}\n==> {tmp_path / 'two.wav'} <==\n{TEXT}\n",
    ), done.err
    assert folder.status == 0
    assert [path.name for path in (tmp_path / "texts").iterdir()] == ["a talk.txt"]
    assert refused.status == 1
    assert "[forbidden_address]" in refused.err
    assert "verysecret" not in done.err + folder.err + refused.err


def test_several_files_come_in_their_order_under_their_names(
    served: Served, recordings: Recordings
) -> None:
    files = [recordings(f"{number}.wav") for number in range(12)]
    done = served.shell.run(*files)
    assert (done.status, done.out) == (0, "".join(f"==> {f} <==\n{TEXT}\n" for f in files))


def test_several_files_as_json_are_one_line_each(served: Served, recordings: Recordings) -> None:
    files = [recordings("a.wav"), recordings("b.wav")]
    done = served.shell.run(*files, "--format", "json")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"file": str(file), **TRANSCRIPT} for file in files
    ]


def test_one_bad_file_stops_no_other(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    first, last = recordings("first.wav"), recordings("last.wav")
    done = served.shell.run(first, empty, last)
    assert done.status == 1
    assert done.out == f"==> {first} <==\n{TEXT}\n==> {last} <==\n{TEXT}\n"
    assert re.search(r"empty\.wav: failed: .*\[empty_file\]", done.err)


def test_a_job_that_fails_says_why(served: Served, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("These are not sounds. " * 100)
    done = served.shell.run(text, "--pipeline", "default")
    assert (done.status, done.out) == (1, "")
    job = served.listed()[0]
    assert re.search(rf"notes\.mp3: failed: .*\[unsupported_media\] \({job['id']}\)", done.err)


def test_a_folder_gets_one_file_for_each_recording(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    files = [recordings(name) for name in ("x/talk.wav", "y/talk.wav", "z/Grüße.wav")]
    done = served.shell.run(*files, "--format", "srt", "--output-dir", tmp_path / "out" / "new")
    assert (done.status, done.out) == (0, ""), done.err
    written = {path.name: path.read_text() for path in (tmp_path / "out" / "new").iterdir()}
    srt = FORMATS["srt"](TRANSCRIPT)
    assert written == {"talk.wav.srt": srt, "talk.wav.2.srt": srt, "Grüße.srt": srt}


@pytest.mark.parametrize("output_format", ["srt", "vtt"])
def test_subtitles_are_those_of_an_export_of_the_same_job(
    served: Served, recordings: Recordings, tmp_path: Path, output_format: str
) -> None:
    options = ("--format", output_format, "--line-length", "12", "--lines", "1", "--speakers")
    recording, out = recordings("batch/divided.wav"), tmp_path / "out"
    done = served.shell.run(recording.parent, "--output-dir", out, *options)
    assert done.status == 0, done.err
    written = (out / f"divided.{output_format}").read_text(encoding="utf-8")
    exporting = replace(served.shell, command="jobs")
    exported = exporting.run("export", str(served.listed()[0]["id"]), *options)
    assert (exported.status, exported.out) == (0, written), exported.err
    shown = {line for line in written.splitlines() if "a" in line}
    assert shown == {"This is a", "transcript."}
    single = served.shell.run(recording, *options)
    assert (single.status, single.out) == (0, written), single.err


def test_a_folder_is_transcribed_whole_and_only_what_is_missing_the_next_time(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    """A recording that has changed since is missing too."""
    below = {"a.wav", "deep/a.mp3", "deep/er/b.FLAC"}
    files = {name: recordings(f"batch/{name}") for name in below}
    for name in ("notes.txt", ".hidden.wav", ".git/c.wav"):
        recordings(f"batch/{name}")
    out = tmp_path / "out"
    call = (str(files["a.wav"].parent), "--output-dir", str(out), "--resume", "--at-once", "2")
    done = served.shell.run(*call)
    assert done.status == 0, done.err
    assert "3 files: 3 transcribed" in done.err
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert written == {"a.txt", "deep/a.txt", "deep/er/b.txt"}

    (out / "deep" / "a.txt").unlink()
    os.utime(files["a.wav"], (2**31, 2**31))
    done = served.shell.run(*call)
    assert done.status == 0, done.err
    assert "3 files: 2 transcribed, 1 there already" in done.err
    os.utime(files["a.wav"])
    os.utime(out / "a.txt", (2**31, 2**31))
    assert "3 files: 3 there already" in served.shell.run(*call).err


def test_no_transcript_is_taken_for_that_of_another_recording_of_the_same_name(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    """Which of them gets which number depends on what else is named in the call."""
    first, last = recordings("fri/rec1.wav"), recordings("mon/rec1.wav")
    options = ("--output-dir", tmp_path / "out", "--resume")
    assert served.shell.run(first, last, *options).status == 0
    old = recordings("aug/rec1.wav")
    os.utime(old, (0, 0))
    done = served.shell.run(old, first, last, *options)
    assert done.status == 0, done.err
    assert "3 files: 3 transcribed" in done.err
    assert [job["filename"] for job in served.listed()[:5]] == ["rec1.wav"] * 5


def test_a_folder_without_recordings_is_a_wrong_command(served: Served, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = served.shell.run(tmp_path)
    assert (done.status, done.out) == (2, "")
    assert "no recordings" in done.err


def test_a_recording_is_never_overwritten(served: Served, silence: Path, tmp_path: Path) -> None:
    recording = tmp_path / "talk.json"
    recording.write_bytes(silence.read_bytes())
    done = served.shell.run(recording, "--format", "json", "--output-dir", tmp_path)
    assert done.status == 2
    assert "would be overwritten" in done.err
    assert recording.read_bytes() == silence.read_bytes()


def test_a_folder_that_takes_no_files_is_found_out_before_the_work(
    served: Served, silence: Path
) -> None:
    before = len(served.listed())
    done = served.shell.run(silence, "--output-dir", "/proc/self")
    assert done.status == 2
    assert "Nothing can be written to the folder /proc/self" in done.err
    assert len(served.listed()) == before


def test_a_file_name_that_is_no_text_is_still_a_file(served: Served, silence: Path) -> None:
    # Its folder must be able to hold such a name; Linux's can.
    odd = os.fsdecode(os.fsencode(silence.parent) + b"/caf\xe9\x1b.wav")
    Path(odd).write_bytes(silence.read_bytes())
    done = served.shell.run(odd)
    assert (done.status, done.out) == (0, TEXT), done.err
    assert "\x1b" not in done.err


def test_a_name_that_leaves_no_room_for_an_ending_is_shortened(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    # 255 bytes, as long as a name may be; the two differ where they are cut off.
    names = [f"{letter * 10}{'é' * 118}{letter}{number * 4}.wav" for letter, number in ("a1", "a2")]
    files = [recordings(f"long/{name}") for name in names]
    assert {len(os.fsencode(name)) for name in names} == {255}
    options = ("--output-dir", tmp_path / "out", "--format", "json", "--resume")
    done = served.shell.run(*files, *options)
    assert done.status == 0, done.err
    written = [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()]
    assert len(written) == 2
    assert max(map(len, written)) <= 255
    assert all(name.startswith(b"aaaa") and name.endswith(b".json") for name in written)
    assert "2 files: 2 there already" in served.shell.run(*files, *options).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument"),
        (["{silence}", "--format", "docx"], "--format"),
        (["{silence}", "--server", "ftp://nowhere"], "--server"),
        (["{silence}", "{silence}", "--format", "vtt"], "--output-dir"),
        (["there-is-none.wav"], "there-is-none.wav"),
        (["{silence}", "--resume"], "--output-dir"),
        (["{silence}", "--at-once", "0"], "--at-once"),
    ],
)
def test_a_wrong_command_is_status_2_and_a_word_about_it(
    served: Served, silence: Path, arguments: list[str], said: str
) -> None:
    done = served.shell.run(*(text.format(silence=silence) for text in arguments))
    assert (done.status, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--pipeline", "nonsense", "unknown_pipeline"), ("--language", "xx", "unsupported_language")],
)
def test_a_refusal_is_shown_with_its_code(
    served: Served, silence: Path, option: str, value: str, code: str
) -> None:
    done = served.shell.run(silence, option, value)
    assert done.status == 1
    assert f"[{code}]" in done.err


def test_nobody_at_the_address(served: Served, silence: Path) -> None:
    done = served.shell.run(silence, "--server", "http://127.0.0.1:1")
    assert done.status == 1
    assert "No Dalston server answers at http://127.0.0.1:1" in done.err


def test_a_server_that_stays_away_leaves_its_job_to_be_found(
    served: Served,
    recordings: Recordings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", 0.0)
    runs = len(served.gate.begun())

    def cut_when_it_runs() -> None:
        served.gate.wait_for_runs(runs + 1)
        line.cut()

    with relay(httpx.URL(served.url).port or 0) as line:
        cutting = threading.Thread(target=cut_when_it_runs)
        cutting.start()
        url = f"http://127.0.0.1:{line.port}"
        status = transcribe_files(
            [Recording(recordings("left.wav"))],
            output_format="txt",
            server=url,
            data_dir=tmp_path,
            fields={"pipeline": "gated"},
        )
        cutting.join()
    job = served.listed()[0]
    assert (status, job["filename"], job["status"]) == (1, "left.wav", "running")
    said = capsys.readouterr().err
    assert f"The job goes on: `dalston jobs watch {job['id']} --server {url}`" in said
    assert f"`dalston jobs export {job['id']} --server {url}` writes" in said
    httpx.delete(f"{served.url}/v1/audio/transcriptions/{job['id']}").raise_for_status()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_call_deletes_its_jobs_and_leaves_the_server(
    served: Served, recordings: Recordings, number: signal.Signals, status: int
) -> None:
    before = served.listed()
    runs = len(served.gate.begun())
    files = [recordings("held.wav"), recordings("waits.wav")]
    call = served.shell.begin(*files, "--pipeline", "gated")
    served.gate.wait_for_runs(runs + 1)
    names = {"held.wav", "waits.wav"}
    until(
        lambda: {job["filename"] for job in served.listed()[:2]} == names,
        "both files to be submitted",
    )
    call.signal(number)
    done = call.end()
    assert (done.status, done.out) == (status, "")
    assert done.err.count("is deleted)") == 2
    assert served.listed() == before
    assert served.process.poll() is None


def test_a_call_that_is_stopped_before_it_knows_its_job_deletes_it(
    served: Served, recordings: Recordings
) -> None:
    before = served.listed()
    with relay(httpx.URL(served.url).port or 0) as line:
        line.holds_at = b'filename="late.wav"'
        options = ("--pipeline", "gated", "--server", f"http://127.0.0.1:{line.port}")
        call = served.shell.begin(recordings("late.wav"), *options)
        until(lambda: served.listed()[0]["filename"] == "late.wav", "the job to be made")
        call.signal(signal.SIGINT)
        call.read_until("late.wav: stopping as soon as the server has answered")
        line.let_answer()
        done = call.end()
    assert (done.status, done.out) == (130, "")
    assert "stopped: late.wav" in done.err
    assert "is deleted)" in done.err
    assert served.listed() == before


def test_a_reader_that_goes_away_is_no_error_to_talk_about(
    served: Served, recordings: Recordings
) -> None:
    call = served.shell.begin(*(recordings(f"{number}.wav") for number in range(3)))
    with call.process as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_without_its_packages_the_command_says_what_to_install(silence: Path) -> None:
    code = (
        f"import sys; sys.modules['httpx'] = None; "
        f"from dalston.client.command import transcribe; transcribe([{str(silence)!r}])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "needs the package httpx: pip install 'dalston[cli]', " in result.stderr
    assert "in a checkout .venv/bin/pip install -e '.[cli]'" in result.stderr
