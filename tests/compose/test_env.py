"""`.env`: what the example lists, and what `make env` makes of it."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.project import COMPOSE_TEXT, interpolated
from tests.support.deployment import REPOSITORY

EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
SECRETS = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DALSTON_WEBHOOK_SECRET",
}
COMMAND = [sys.executable, "-I", str(REPOSITORY / "scripts" / "make_env.py")]


def assignments(text: str) -> dict[str, str]:
    """Return the variables of a file like `.env`."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def make_env(path: Path) -> subprocess.CompletedProcess[str]:
    """Do what `make env` does, for another file."""
    return subprocess.run(
        [*COMMAND, str(path)], capture_output=True, text=True, check=False, umask=0
    )


def test_the_example_lists_what_the_compose_file_asks_for() -> None:
    # Docker Compose itself reads the one that no service asks for.
    assert set(assignments(EXAMPLE)) == {*interpolated(COMPOSE_TEXT), "COMPOSE_PROFILES"}


def test_the_example_and_the_compose_file_have_the_same_defaults() -> None:
    example = assignments(EXAMPLE)
    for name, rest in interpolated(COMPOSE_TEXT).items():
        if rest.startswith(":-"):
            assert example[name] == rest.removeprefix(":-")


def test_the_example_holds_no_secret() -> None:
    assert {name for name, value in assignments(EXAMPLE).items() if value == ""} == SECRETS


def test_a_new_file_has_long_random_secrets_that_fit_into_a_url(tmp_path: Path) -> None:
    assert make_env(tmp_path / "first").returncode == 0
    assert make_env(tmp_path / "second").returncode == 0
    first, second = (assignments((tmp_path / name).read_text()) for name in ("first", "second"))
    assert list(first) == list(assignments(EXAMPLE))
    for name, value in first.items():
        if name in SECRETS:
            assert re.fullmatch(r"[0-9a-f]{48}", value)
            assert value != second[name]
        else:
            assert value == assignments(EXAMPLE)[name]
    assert len({first[name] for name in SECRETS}) == len(SECRETS)


def test_only_its_owner_can_read_the_new_file(tmp_path: Path) -> None:
    make_env(tmp_path / "env")
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


def test_a_file_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("POSTGRES_PASSWORD=mine\n")
    done = make_env(path)
    assert done.returncode == 1
    assert f"{path} is there already" in done.stderr
    assert path.read_text() == "POSTGRES_PASSWORD=mine\n"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "env", tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    assert make_env(path).returncode == 1
    assert not elsewhere.exists()


def test_a_folder_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    done = make_env(tmp_path / "missing" / "env")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_nothing_is_left_of_a_file_that_can_not_be_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "env"
    # Files may be one block long, too short for this one: the rest is refused as on a full disk.
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *COMMAND, str(path)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{path} can't be written: File too large" in done.stderr
    assert not path.exists()
    assert make_env(path).returncode == 0


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore"])
def test_the_file_goes_neither_into_git_nor_into_an_image(name: str) -> None:
    lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
    assert {"/.env", "*"} & set(lines)
    assert not any(line.startswith("!") and "env" in line for line in lines)
