"""`dalston eval` on a server that runs already: what it writes, and what it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dalston.evaluation.jobs import scored
from dalston.evaluation.manifest import Clip
from dalston.evaluation.results import ClipResult
from dalston.evaluation.run import SOME_FAILED, Request, evaluate
from tests.cli.conftest import Finished, Served, Shell
from tests.support.relay import relay
from tests.support.waiting import until

HEARD = "This is a stub transcript. The system works!"
Recordings = Callable[[str], Path]


@pytest.fixture
def evaluating(served: Served) -> Shell:
    return replace(served.shell, command="eval")


@pytest.fixture
def manifest(recordings: Recordings) -> Path:
    """Three clips: as the stub says, one word of eight wrong, and one that the server refuses."""
    recordings("right.wav")
    path = recordings("wrong.wav").with_name("manifest.tsv")
    path.with_name("empty.mp3").touch()
    rows = [
        "file\tlanguage\ttext",
        f"right.wav\ten\t{HEARD}",
        "wrong.wav\ten\tthis is a stub transcript the system fails",
        "empty.mp3\ten\ttwo words",
    ]
    path.write_text("\n".join(rows))
    return path


def measured(finished: Finished, path: Path) -> dict[str, Any]:
    assert path.exists(), finished.err
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_each_clip_is_measured_and_a_failed_one_is_not_forgotten(
    served: Served, evaluating: Shell, manifest: Path, tmp_path: Path
) -> None:
    before = served.listed()
    targets = {"--json": tmp_path / "out.json", "--report": tmp_path / "out.html"}
    options = [word for pair in targets.items() for word in pair]
    done = evaluating.run(manifest, *options)
    assert done.status == 1, done.err
    found = measured(done, targets["--json"])
    rows = {clip["clip"]: (clip["status"], clip["rate"]) for clip in found["clips"]}
    assert rows == {
        "right.wav": ("completed", 0.0),
        "wrong.wav": ("completed", 1 / 8),
        "empty.mp3": ("failed", 1.0),
    }
    (total,) = found["totals"]
    assert (total["clips"], total["failed"], total["rate"]) == (3, 1, 3 / 18)
    assert found["clips"][0]["processing_seconds"] > 0
    assert found["circumstances"]["pipeline"] == "stub"
    assert "empty.mp3 failed: " in done.out
    assert "[empty_file]" in done.out
    page = targets["--report"].read_text(encoding="utf-8")
    assert page.index("<h3") < page.index("empty.mp3</h3>") < page.index("wrong.wav</h3>")
    assert served.listed() == before


def test_a_job_that_fails_is_a_failed_clip(
    served: Served, evaluating: Shell, manifest: Path, tmp_path: Path
) -> None:
    before = served.listed()
    manifest.with_name("notes.mp3").write_text("These are not sounds. " * 100)
    manifest.write_text("file\tlanguage\ttext\nnotes.mp3\ten\ttwo words")
    out = tmp_path / "out.json"
    done = evaluating.run(manifest, "--pipeline", "default", "--json", out)
    assert done.status == 1
    (clip,) = measured(done, out)["clips"]
    assert (clip["status"], clip["rate"], clip["words"]["missed"]) == ("failed", 1.0, 2)
    assert clip["error"].endswith("[unsupported_media]")
    assert served.listed() == before


@pytest.mark.parametrize(("pipeline", "rate"), [("speakers", 1.0), ("default", None)])
def test_a_job_that_was_to_find_speakers_and_failed_missed_them_all(
    evaluating: Shell, manifest: Path, tmp_path: Path, pipeline: str, rate: float | None
) -> None:
    manifest.with_name("notes.mp3").write_text("These are not sounds. " * 100)
    manifest.with_name("notes.rttm").write_text(
        "SPEAKER notes 1 0.0 3.0 <NA> <NA> anna <NA> <NA>\n"
        "SPEAKER notes 1 3.0 4.0 <NA> <NA> ben <NA> <NA>\n"
    )
    manifest.write_text("file\ttext\tlanguage\trttm\nnotes.mp3\ttwo words\ten\tnotes.rttm")
    out = tmp_path / "out.json"
    found = measured(evaluating.run(manifest, "--pipeline", pipeline, "--json", out), out)
    assert found["clips"][0]["diarization_rate"] == rate
    assert found["totals"][0]["diarization_rate"] == rate


def test_the_numbers_alone_as_markdown(evaluating: Shell, manifest: Path) -> None:
    done = evaluating.run(manifest, "--markdown", "--at-once", "3", "--detect-language")
    assert done.status == 1, done.err
    head, _, row = done.out.splitlines()
    assert head.startswith("| pipeline | model | manifest | language |")
    assert "| en | 3 (1 failed) |" in row
    assert "| 1/2/0 | 16.7 % |" in row


def test_clips_of_one_language(evaluating: Shell, manifest: Path, tmp_path: Path) -> None:
    with manifest.open("a") as file:
        file.write("\nright.wav\tde\tHallo")
    out = tmp_path / "out.json"
    done = evaluating.run(manifest, "--only-language", "de", "--json", out)
    assert done.status == 0, done.err
    assert [clip["clip"] for clip in measured(done, out)["clips"]] == ["right.wav"]
    assert evaluating.run(manifest, "--only-language", "fr").status == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{manifest}", "--server", "ftp://nowhere"], "--server"),
        (["{manifest}", "--json", "no/such/folder/out.json"], "can't be written"),
        (["{manifest}", "--language", "elvish"], "--language"),
        (["there-is-none.tsv"], "there-is-none.tsv"),
        (["{folder}/bad.tsv"], "line 2: there is no file"),
    ],
)
def test_a_wrong_command_is_status_2_and_a_word_about_it(
    evaluating: Shell, manifest: Path, arguments: list[str], said: str
) -> None:
    manifest.with_name("bad.tsv").write_text("file\ttext\nnone.wav\tHello\n")
    names = {"manifest": manifest, "folder": manifest.parent}
    done = evaluating.run(*(text.format(**names) for text in arguments))
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_an_upload_that_keeps_breaking_fails_its_own_clip_alone(
    served: Served, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", 0.0)
    manifest.with_name("cut.wav").write_bytes(manifest.with_name("right.wav").read_bytes())
    manifest.write_text(f"file\tlanguage\ttext\ncut.wav\ten\ttwo words\nright.wav\ten\t{HEARD}")
    out = tmp_path / "out.json"
    with relay(httpx.URL(served.url).port or 0) as line:
        line.breaks_at = b'filename="cut.wav"'
        request = Request(manifest, f"http://127.0.0.1:{line.port}", data_dir=tmp_path, json=out)
        assert evaluate(request) == SOME_FAILED
    clips = {clip["clip"]: clip["status"] for clip in json.loads(out.read_bytes())["clips"]}
    assert clips == {"cut.wav": "failed", "right.wav": "completed"}


def test_a_transcript_that_can_not_be_scored_fails_its_own_clip_alone(
    served: Served, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(clip: Clip, *more: Any) -> ClipResult:
        if clip.name == "wrong.wav":
            raise ValueError("none of ours")
        return scored(clip, *more)

    monkeypatch.setattr("dalston.evaluation.jobs.scored", breaking)
    out = tmp_path / "out.json"
    request = Request(manifest, served.url, data_dir=tmp_path, json=out)
    assert evaluate(request) == SOME_FAILED
    clips = {clip["clip"]: clip for clip in json.loads(out.read_bytes())["clips"]}
    assert clips["wrong.wav"]["error"] == "the transcript can't be scored: ValueError: none of ours"
    assert clips["right.wav"]["rate"] == 0.0


def test_a_folder_whose_name_is_no_text(evaluating: Shell, manifest: Path, tmp_path: Path) -> None:
    # Its folder must be able to hold such a name; Linux's can.
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcnchen"))
    odd.mkdir()
    for path in (manifest, *tmp_path.glob("*.wav"), *tmp_path.glob("*.mp3")):
        path.rename(odd / path.name)
    targets = {"--json": odd / "out.json", "--report": odd / "out.html"}
    options = [word for pair in targets.items() for word in pair]
    done = evaluating.run(odd / manifest.name, "--markdown", *options)
    assert done.status == 1, done.err
    assert "Traceback" not in done.err
    found = measured(done, targets["--json"])
    assert found["circumstances"]["manifest"] == "M?nchen/manifest.tsv"
    assert "M?nchen/manifest.tsv" in targets["--report"].read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_what_was_measured_is_kept_where_the_tables_can_not_be_printed(
    evaluating: Shell, manifest: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "dalston", "eval", str(manifest), "--json", str(out)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, "--data-dir", str(evaluating.data_dir)],
            env=evaluating.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert len(json.loads(out.read_bytes())["clips"]) == 3
    assert done.returncode == 1
    assert "the tables can't be printed: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_what_was_measured_is_kept_where_nobody_reads_the_tables(
    evaluating: Shell, manifest: Path, tmp_path: Path
) -> None:
    call = evaluating.begin(manifest, "--json", tmp_path / "out.json")
    with call.process as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert len(json.loads((tmp_path / "out.json").read_bytes())["clips"]) == 3
    assert process.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_a_terminal_that_lacks_letters_gets_the_tables_all_the_same(
    evaluating: Shell, manifest: Path
) -> None:
    done = evaluating.run(manifest, PYTHONIOENCODING="ascii")
    assert done.status == 1
    assert "Traceback" not in done.err
    assert "wrong.wav" in done.out


def test_a_file_that_can_not_be_written_keeps_nothing_from_the_others(
    served: Served, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, gone = tmp_path / "out.html", tmp_path / "gone" / "out.json"
    gone.parent.mkdir()
    gone.symlink_to(tmp_path / "nowhere" / "out.json")
    request = Request(manifest, served.url, data_dir=tmp_path, json=gone, report=written)
    assert evaluate(request) == SOME_FAILED
    said = capsys.readouterr()
    assert f"{gone} can't be written: No such file or directory" in said.err
    assert "wrong.wav" in said.out
    assert "wrong.wav" in written.read_text(encoding="utf-8")


def test_what_was_measured_is_there_before_the_server_is_given_up(
    shell: Shell, manifest: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    with (shell.data_dir / "transcribe.users").open("a+") as users:
        # As another call does that uses the server.
        fcntl.flock(users, fcntl.LOCK_SH)
        call = replace(shell, command="eval").begin(manifest, "--json", out)
        call.read_until("another call still uses the server")
        call.signal(signal.SIGINT)
        done = call.end()
    assert done.status == 130, done.err
    assert "wrong.wav" in done.out
    assert len(json.loads(out.read_bytes())["clips"]) == 3


def test_nobody_at_the_address(evaluating: Shell, manifest: Path) -> None:
    done = evaluating.run(manifest, "--server", "http://127.0.0.1:1")
    assert (done.status, done.out) == (1, "")
    assert "No Dalston server answers at http://127.0.0.1:1" in done.err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_call_deletes_its_job_and_leaves_the_server(
    served: Served, evaluating: Shell, manifest: Path, number: signal.Signals, status: int
) -> None:
    before = served.listed()
    runs = len(served.gate.begun())
    call = evaluating.begin(manifest, "--pipeline", "gated")
    served.gate.wait_for_runs(runs + 1)
    call.signal(number)
    done = call.end()
    assert (done.status, done.out) == (status, ""), done.err
    assert "Traceback" not in done.err
    assert served.listed() == before
    assert served.process.poll() is None


def test_a_call_that_is_stopped_before_it_knows_its_job_deletes_it(
    served: Served, evaluating: Shell, manifest: Path
) -> None:
    before = served.listed()
    with relay(httpx.URL(served.url).port or 0) as line:
        line.holds_at = b'filename="right.wav"'
        options = ("--pipeline", "gated", "--server", f"http://127.0.0.1:{line.port}")
        call = evaluating.begin(manifest, *options)
        until(lambda: served.listed()[:1] != before[:1], "the job to be made")
        call.signal(signal.SIGINT)
        call.read_until("right.wav: stopping as soon as the server has answered")
        line.let_answer()
        done = call.end()
    assert (done.status, done.out) == (130, ""), done.err
    assert served.listed() == before


def test_without_its_packages_the_command_says_what_to_install(manifest: Path) -> None:
    code = (
        f"import sys; sys.modules['simpleder'] = None; "
        f"from dalston.evaluation.command import evaluate; evaluate([{str(manifest)!r}])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "needs the package simpleder: pip install 'dalston[cli,eval]', " in result.stderr
    assert "in a checkout .venv/bin/pip install -e '.[cli,eval]'" in result.stderr
