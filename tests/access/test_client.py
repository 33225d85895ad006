"""The commands show a key: from a file or from the environment, never from an address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.keys import make_key, revoke
from tests.support.stack import Stack
from tests.support.waiting import until


def transcribe(
    deployment: Deployment, *arguments: str | Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dalston", "transcribe", *map(str, arguments)],
        env=deployment.environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_a_key_from_a_file_or_from_the_environment(
    stack: Stack, deployment: Deployment, silence: Path, tmp_path: Path
) -> None:
    key = make_key(deployment, "ada")
    file = tmp_path / "key"
    file.write_text(f"{key}\n")
    stack.everything(*STUBS)
    to_server = (silence, "--server", stack.url)

    for shown in (
        transcribe(deployment, *to_server, "--api-key-file", file, DALSTON_API_KEY="dk_wrong"),
        transcribe(deployment, *to_server, DALSTON_API_KEY=key),
    ):
        assert shown.returncode == 0, shown.stderr
        assert "stub transcript" in shown.stdout
        assert key not in shown.stderr
    without = transcribe(deployment, *to_server)
    assert without.returncode == 1
    assert "invalid_api_key" in without.stderr
    assert "DALSTON_API_KEY, --api-key-file" in without.stderr

    other = make_key(deployment, "bob")
    listed = subprocess.run(
        [sys.executable, "-m", "dalston", "jobs", "list", "--server", stack.url],
        env=deployment.environment(DALSTON_API_KEY=other),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr == "no jobs of this key's owner\n"


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_engines_are_listed_with_a_key_and_refused_without_one(
    stack: Stack, deployment: Deployment
) -> None:
    key = make_key(deployment, "ada")
    stack.gateway()

    def engines(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dalston", "engines", "--all", "--server", stack.url],
            env=deployment.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    assert "faster-whisper" in engines(DALSTON_API_KEY=key).stdout
    revoke(deployment, key)
    until(lambda: engines(DALSTON_API_KEY=key).returncode == 1, "the key to be refused", 20)
    for refused in (engines(), engines(DALSTON_API_KEY=key)):
        assert refused.returncode == 1
        assert "invalid_api_key" in refused.stderr
        assert "DALSTON_API_KEY, --api-key-file" in refused.stderr
        assert "No engine" not in refused.stderr


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_a_key_is_never_part_of_an_address(
    deployment: Deployment, silence: Path, tmp_path: Path
) -> None:
    refused = transcribe(deployment, silence, "--server", "http://dk_secret@127.0.0.1:9")
    assert refused.returncode == 2
    assert "--api-key-file" in refused.stderr
    assert "dk_secret" not in refused.stderr
    file = tmp_path / "key"
    file.write_text("two lines\nof text")
    refused = transcribe(deployment, silence, "--api-key-file", file)
    assert refused.returncode == 2
    assert "two lines" not in refused.stderr
