"""Setting up `.venv`: which Python is taken, what is said when none will do, what is remade."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from scripts import bootstrap

# A Python that differs from the running one as a test needs, and runs the code it is given.
PRETENDER = """\
#!/bin/sh
for code in "$@"; do :; done
exec "{python}" -c 'import sys; {change}; exec(sys.argv[1])' "$code"
"""


def bootstrap_with(python: Path) -> subprocess.CompletedProcess[str]:
    script = bootstrap.ROOT / "scripts" / "bootstrap.sh"
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)}
    return subprocess.run(
        [str(script), "run"], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("sys.version_info = (3, 9, 18)", "is needed and {python} is Python 3.9.18"),
        ("sys.version_info = (3, 15, 0)", "is needed and {python} is Python 3.15.0"),
        (
            'sys.version_info = (3, 12, 1); sys.modules["ensurepip"] = None',
            "{python} comes without venv or ensurepip: install them (Debian, Ubuntu: apt install",
        ),
    ],
)
def test_an_unfit_python_gets_one_line_that_says_what_to_do(
    tmp_path: Path, change: str, said: str
) -> None:
    python = tmp_path / "a python"
    python.write_text(PRETENDER.format(python=sys.executable, change=change), encoding="utf-8")
    python.chmod(0o755)
    result = bootstrap_with(python)
    assert result.returncode == 1
    assert said.format(python=python) in result.stderr
    assert "make PYTHON=" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_python_that_does_not_run_gets_one_line(tmp_path: Path) -> None:
    result = bootstrap_with(tmp_path / "missing")
    assert result.returncode == 1
    assert f"{tmp_path / 'missing'} does not run" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_python_that_only_one_user_can_reach_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    (folder / "bin").mkdir(parents=True)
    folder.chmod(0o700)
    tmp_path.chmod(0o755)
    closed = bootstrap.closed_to_others(folder / "bin" / "python")
    assert closed is not None
    assert closed in {folder, *folder.parents}
    assert bootstrap.closed_to_others(Path("/usr/bin/python3")) is None


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a small checkout whose .venv is whole."""
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(bootstrap.ROOT / "pyproject.toml", root)
    for level in bootstrap.LEVELS:
        (root / "requirements" / f"{level}.txt").write_text("click==8.5.1\n", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "VENV", root / ".venv")
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", root / ".venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", root / ".venv" / "dalston-stamp.json")
    write_stamp(bootstrap.wanted("dev"))
    return root


def write_stamp(stamp: bootstrap.Stamp) -> None:
    bootstrap.STAMP.write_text(json.dumps(asdict(stamp)), encoding="utf-8")


@pytest.mark.usefixtures("environment")
def test_a_whole_environment_is_kept() -> None:
    assert bootstrap.found() == bootstrap.wanted("dev")


def test_a_half_made_environment_is_remade(environment: Path) -> None:
    (environment / ".venv" / "dalston-stamp.json").unlink()
    assert bootstrap.found() is None


def test_a_broken_environment_is_remade(environment: Path) -> None:
    (environment / ".venv" / "bin" / "python").unlink()
    assert bootstrap.found() is None


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("change", [{"root": "/elsewhere"}, {"python": "3.11.99"}])
def test_a_moved_environment_or_another_python_is_remade(change: dict[str, str]) -> None:
    write_stamp(bootstrap.Stamp(**(asdict(bootstrap.wanted("dev")) | change)))
    assert bootstrap.found() is None


def test_a_changed_lock_is_noticed(environment: Path) -> None:
    (environment / "requirements" / "dev.txt").write_text("click==8.5.0\n", encoding="utf-8")
    current = bootstrap.found()
    assert current is not None
    assert current.lock != bootstrap.wanted("dev").lock
    assert current.project == bootstrap.wanted("dev").project


def test_a_changed_entry_point_is_noticed(environment: Path) -> None:
    project = environment / "pyproject.toml"
    text = project.read_text(encoding="utf-8").replace("dalston.cli:main", "dalston.cli:other")
    project.write_text(text, encoding="utf-8")
    current = bootstrap.found()
    assert current is not None
    assert current.project != bootstrap.wanted("dev").project
