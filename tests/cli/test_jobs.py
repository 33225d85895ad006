"""`dalston jobs …` and `dalston housekeeping` as a shell calls them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dalston.common.models import new_job_id
from tests.support.deployment import Deployment, embedded
from tests.support.files import files_below
from tests.support.gate import Gate
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

ENGINES = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


@dataclass
class Shell:
    """Calls commands on a running server."""

    stack: Stack
    folder: Path

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Return exit status, standard output and standard error of a call."""
        given = {"DALSTON_ORPHAN_HOURS": "0.000001", **variables}
        environment = self.stack.deployment.environment(**given)
        done = subprocess.run(
            [sys.executable, "-m", "dalston", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def jobs(self, *arguments: str) -> tuple[int, str, str]:
        """Call `dalston jobs`."""
        return self.run("jobs", *arguments, "--server", self.stack.url)


@pytest.fixture
def shell(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with (
        embedded(tmp_path_factory.mktemp("data")) as parts,
        running(parts, *ENGINES, **settings) as stack,
    ):
        yield Shell(stack, tmp_path)


def test_jobs_are_listed_shown_stopped_resumed_and_removed(shell: Shell) -> None:
    stack, folder = shell.stack, shell.folder
    completed = stack.submit(b"1")
    stack.ended(completed)
    (folder / "fail-1").touch()
    failed = [stack.submit(b"2"), stack.submit(b"2")]
    for job_id in failed:
        stack.ended(job_id)
    (folder / "hold-2").touch()
    (folder / "fail-1").unlink()
    running_job = stack.submit(b"3")
    until(lambda: list(folder.glob("2.*.part")), "the last chunk to begin")

    status, out, _ = shell.jobs("list")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        [running_job, "running"],
        [failed[1], "failed"],
        [failed[0], "failed"],
        [completed, "completed"],
    ]
    assert "not_heard" in out
    assert shell.jobs("list", "--status", "failed", "--limit", "1")[1].split()[0] == failed[1]
    status, out, _ = shell.jobs("show", completed, "--history")
    assert status == 0
    shown = json.loads(out)
    assert (shown["text"], bool(shown["history"])) == ("Part 0.", True)
    assert json.loads(shell.jobs("show", completed, "--version", "1")[1])["version"] == 1

    status, out, err = shell.jobs("cancel", running_job, completed)
    assert status == 1
    assert out == f"{running_job} cancelled\n"
    assert f"`dalston jobs rm {completed}` removes it" in err
    assert "[job_finished]" in err
    (folder / "hold-2").unlink()

    assert shell.jobs("retry", "--failed-since", "2020-01-01")[:2] == (
        0,
        "".join(f"{job_id} retried\n" for job_id in reversed(failed)),
    )
    assert [stack.ended(job_id)["status"] for job_id in failed] == 2 * ["completed"]
    assert stack.read(running_job)["status"] == "cancelled", "it did not fail"
    assert shell.jobs("retry", "--failed-since", "5m")[:2] == (0, "")
    assert shell.jobs("retry", running_job)[0] == 0
    assert stack.ended(running_job)["status"] == "completed"

    assert shell.jobs("rm", *failed)[0] == 0
    status, _, err = shell.jobs("show", failed[0])
    assert status == 1
    assert "`dalston jobs list` lists what is there. [job_not_found]" in err


def test_a_reader_that_goes_away_is_no_error_to_talk_about(shell: Shell) -> None:
    shell.stack.submit(b"1")
    command = [sys.executable, "-m", "dalston", "jobs", "list", "--server", shell.stack.url]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_what_can_not_be_done_is_said_in_commands(shell: Shell) -> None:
    stack, folder = shell.stack, shell.folder
    assert shell.jobs("list") == (0, "", "no jobs\n")
    assert shell.jobs("list", "--status", "cancelled") == (0, "", "no cancelled jobs\n")
    completed = stack.submit(b"1")
    stack.ended(completed)
    (folder / "hold-1").touch()
    held = stack.submit(b"2")
    none = new_job_id()
    refused: dict[tuple[str, ...], str] = {
        ("cancel", completed): f"`dalston jobs rm {completed}` removes it",
        ("retry", completed): f"`dalston jobs rerun {completed}` makes another result",
        ("retry", held): f"`dalston jobs watch {held}`",
        ("rerun", held, "--from-stage", "merge"): f"`dalston jobs cancel {held}`",
        ("export", held): f"`dalston jobs show {held}` says how far it is",
        ("show", completed, "--version", "7"): f"`dalston jobs show {completed}`",
        **{(word, none): "`dalston jobs list`" for word in ("show", "watch", "rm", "export")},
    }
    for call, said in refused.items():
        status, out, err = shell.jobs(*call)
        assert (status, out) == (1, "")
        assert said in err, call
        assert not {"GET", "POST", "DELETE", "/v1/"} & set(err.replace("/v1/", " /v1/ ").split())
    (folder / "hold-1").unlink()
    stack.ended(held)


def test_a_job_is_done_again_from_a_stage_on_or_whole(shell: Shell) -> None:
    stack = shell.stack
    job_id = stack.submit(b"1")
    stack.ended(job_id)

    status, out, _ = shell.jobs("rerun", job_id, "prompt=12", "--from-stage", "transcribe")
    assert (status, out) == (0, f"{job_id} is done again from transcribe on\n")
    assert stack.ended(job_id)["text"] == "12 0."
    assert stack.read(job_id)["rerun"]["options"] == {"prompt": "12"}
    status, out, _ = shell.jobs("rerun", job_id, "prompt=null")
    assert (status, out) == (0, f"{job_id} is done again from prepare on\n")
    assert stack.ended(job_id)["text"] == "Part 0."
    assert stack.read(job_id)["version"] == 3

    status, _, err = shell.jobs("rerun", job_id, "--from-stage", "polish")
    assert status == 1
    assert "[unknown_stage]" in err
    assert shell.jobs("rerun", job_id, "num_speakers")[0] == 2


def test_what_lies_in_the_recording_is_not_retried_unless_it_is_asked_for(shell: Shell) -> None:
    stack, folder = shell.stack, shell.folder
    failed = {}
    for code in ("undecodable_audio", "no_audio", "model_not_found"):
        (folder / "fail-0").write_text(code)
        failed[code] = stack.submit(b"1")
        assert stack.ended(failed[code])["error"]["code"] == code
    (folder / "fail-0").unlink()

    status, out, err = shell.jobs("retry", "--failed-since", "1h")
    assert (status, out) == (0, f"{failed['model_not_found']} retried\n")
    assert "2 skipped: their recordings can't be used" in err
    assert "(1 no_audio, 1 undecodable_audio). --all retries them too." in err
    stack.ended(failed["model_not_found"])
    assert shell.jobs("retry", failed["no_audio"])[0] == 0, "who names a job means it"
    stack.ended(failed["no_audio"])
    status, out, err = shell.jobs("retry", "--failed-since", "1h", "--all")
    assert (status, out, err) == (0, f"{failed['undecodable_audio']} retried\n", "")
    assert stack.ended(failed["undecodable_audio"])["status"] == "completed"


def test_a_job_is_watched_and_exported(shell: Shell, tmp_path: Path) -> None:
    stack, folder = shell.stack, shell.folder
    job_id = stack.submit(b"2 apart")
    status, out, err = shell.jobs("watch", job_id)
    assert (status, out) == (0, "[00:00] Part 0.\n[00:01] Part 1.\n")
    assert f"{job_id}: completed" in err
    assert shell.jobs("export", job_id)[1].strip() == "Part 0. Part 1."
    target = tmp_path / "talk.vtt"
    assert shell.jobs("export", job_id, "-f", "vtt", "-o", str(target))[:2] == (0, "")
    assert target.read_text().startswith("WEBVTT")

    (folder / "fail-0").touch()
    failed = stack.submit(b"1")
    status, out, err = shell.jobs("watch", failed)
    assert (status, out) == (1, "")
    assert "This chunk can't be heard. [not_heard]" in err
    (folder / "fail-0").unlink()
    assert shell.jobs("export", failed)[0] == 1
    assert shell.jobs("watch", "job_000000000000")[0] == 1


def test_nothing_is_left_of_an_export_that_can_not_be_written_whole(
    shell: Shell, tmp_path: Path
) -> None:
    job_id = shell.stack.submit(b"1")
    shell.stack.ended(job_id)
    target = tmp_path / "talk.json"
    command = [sys.executable, "-m", "dalston", "jobs", "export", job_id, "-f", "json"]
    command += ["-o", str(target), "--server", shell.stack.url]
    done = subprocess.run(
        # No file may have any bytes, as on a full disk.
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command],
        env=shell.stack.deployment.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{target} can't be written: File too large." in done.stderr
    assert not target.exists()


def test_engines_are_listed(shell: Shell) -> None:
    def states() -> list[list[str]]:
        status, out, _ = shell.run("engines", "--server", shell.stack.url)
        assert status == 0
        return [line.split()[:2] for line in out.splitlines()]

    ready = [[engine, "ready"] for engine in sorted(ENGINES)]
    until(lambda: states() == ready, "all engines to be listed as ready")
    assert "absent" in shell.run("engines", "--all", "--server", shell.stack.url)[1]


def test_wrong_calls_say_what_would_be_right(shell: Shell, tmp_path: Path) -> None:
    assert "Name jobs, or say --failed-since" in shell.jobs("retry")[2]
    assert "neither like 2h" in shell.jobs("retry", "--failed-since", "yesterday")[2]
    nobody = shell.run("jobs", "list", "--data-dir", str(tmp_path / "empty"))
    assert nobody[0] == 1
    assert "dalston serve" in nobody[2]
    odd = shell.jobs("show", "../../health")
    assert odd[0] == 1
    assert "--server" in shell.run("jobs", "list", "--server", "ftp://nowhere")[2]


@pytest.mark.parametrize("given", [("show", "\udcff"), ("rerun", "\udcff", "beam_size=NaN")])
def test_the_address_is_not_to_blame_for_what_can_not_be_sent(
    shell: Shell, given: tuple[str, ...]
) -> None:
    status, out, err = shell.jobs(*given)
    assert (status, out) == (1, "")
    assert err.startswith("Error: 'utf-8' codec can't encode")


def test_a_name_that_a_terminal_can_not_show_is_listed(shell: Shell) -> None:
    name = ("日本.wav", b"1")
    shell.stack.client.post(TRANSCRIPTIONS, files={"file": name}).raise_for_status()
    status, out, err = shell.run(
        "jobs", "list", "--server", shell.stack.url, PYTHONIOENCODING="latin-1"
    )
    assert (status, err) == (0, "")
    assert "  ??.wav" in out


def test_housekeeping_says_what_it_deletes(shell: Shell) -> None:
    store = shell.stack.deployment.store_settings.folder
    assert store is not None
    orphan = store / "jobs" / new_job_id() / "audio" / "original.wav"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")

    status, out, _ = shell.run("housekeeping", "--dry-run")
    assert status == 0
    assert out.startswith("To delete: 0 jobs, the audio of 0 jobs, ")
    until(lambda: "1 orphaned" in shell.run("housekeeping")[1], "the orphan to be old enough")

    assert not orphan.exists()


def test_housekeeping_says_whose_recordings_it_left_alone(shell: Shell) -> None:
    assert "Another database" not in shell.run("housekeeping")[1]
    store = shell.stack.deployment.store_settings.folder
    assert store is not None
    (store / "databases" / "0123456789abcdef.json").write_text("{}")

    status, out, _ = shell.run("housekeeping")
    assert status == 0
    assert "delete its mark: databases/0123456789abcdef.json" in out


def test_housekeeping_says_which_retention_it_goes_by(shell: Shell) -> None:
    assert "themselves: keep (DALSTON_RETENTION" in shell.run("housekeeping", "--dry-run")[1]
    shell.stack.ended(shell.stack.submit(b"1"))
    due = {"DALSTON_RETENTION": "delete_audio", "DALSTON_RETENTION_DAYS": "7"}
    assert "delete_audio after 7 days" in shell.run("housekeeping", "--dry-run", **due)[1]
    due["DALSTON_RETENTION_DAYS"] = "0"
    assert "the audio of 1 job, " in shell.run("housekeeping", "--dry-run", **due)[1]


def test_the_orchestrator_keeps_house_by_itself(tmp_path: Path) -> None:
    settings = Gate(tmp_path).settings()
    due = {
        "DALSTON_RETENTION": "delete_all",
        "DALSTON_RETENTION_DAYS": "0",
        "DALSTON_HOUSEKEEPING_HOURS": "0.0001",
        "DALSTON_PIPELINE": "chunks",
    }
    (tmp_path / "data").mkdir()
    with (
        embedded(tmp_path / "data") as parts,
        running(parts, *ENGINES, **(settings | due)) as stack,
    ):
        job_id = stack.submit(b"2")
        until(
            lambda: stack.client.get(f"/v1/audio/transcriptions/{job_id}").status_code == 404,
            "the job to be deleted",
            60,
        )
        until(lambda: not objects(parts), "its objects to be gone")


def objects(parts: Deployment) -> list[Path]:
    folder = parts.store_settings.folder
    assert folder is not None
    return files_below(folder / "jobs")
