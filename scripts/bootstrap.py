"""Makes the environment .venv from a lock, or brings it up to date; asks nothing.

A stamp inside .venv says what it was made from. It is removed before a change and written after it,
so an environment without one was left half-made and is made anew, and a second run that finds
nothing to do takes a few hundredths of a second.

Run it through bootstrap.sh, which picks the interpreter. Standard library only.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "dalston-stamp.json"
LEVELS = ("run", "dev")

# Settings that send an installation elsewhere. pip has no way to unset them but the environment.
UNSET = (
    "PIP_DRY_RUN",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_ROOT",
    "PIP_TARGET",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
)
# The person's pip settings stay in force (index, proxy, certificates) but for these.
OVERRIDES = {
    "PIP_CONSTRAINT": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_REQUIRE_HASHES": "0",
    "PIP_USER": "0",
}


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from.

    Attributes:
        root: the repository's folder; scripts of an environment hold absolute paths.
        python: the interpreter's version, such as `3.12.1`.
        level: the lock, `run` or `dev`; the latter includes the former.
        lock: digest of that lock.
        project: digest of what decides the project's own installation.
    """

    root: str
    python: str
    level: str
    lock: str
    project: str


class SetupError(Exception):
    """The environment can't be made; the text says what to do."""


def digest(text: str) -> str:
    """Returns a text's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def wanted(level: str) -> Stamp:
    """Returns the stamp that an up-to-date environment carries.

    Raises:
        OSError: a lock or pyproject.toml can't be read.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    installed = [project["build-system"], project["project"], project["tool"]["hatch"]]
    return Stamp(
        root=str(ROOT),
        python=".".join(map(str, sys.version_info[:3])),
        level=level,
        lock=digest((ROOT / "requirements" / f"{level}.txt").read_text(encoding="utf-8")),
        project=digest(json.dumps(installed, sort_keys=True)),
    )


def found() -> Stamp | None:
    """Returns the stamp of a whole and working environment, or None."""
    try:
        stamp = Stamp(**json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    probe = [str(VENV_PYTHON), "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
    try:
        answer = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return stamp if answer == stamp.python and stamp.root == str(ROOT) else None


def say(text: str) -> None:
    """Prints one line on standard error, where it can't mix with a command's output."""
    sys.stderr.write(f"dalston: {text}\n")
    sys.stderr.flush()


def run(*command: str) -> None:
    """Runs one step of the installation, its errors to standard error.

    Raises:
        SetupError: it failed.
    """
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    status = subprocess.run(command, cwd=ROOT, env=environment | OVERRIDES, check=False).returncode
    if status != 0:
        message = (
            f"this step failed, see above, then run the same command again: {' '.join(command)}"
        )
        raise SetupError(message)


def pip(*arguments: str) -> None:
    """Runs the environment's pip; only its errors are shown."""
    run(str(VENV_PYTHON), "-m", "pip", "--quiet", "--quiet", *arguments)


def closed_to_others(program: Path) -> Path | None:
    """Returns the first folder above a program that only its user can enter, if there is one."""
    folders = reversed(program.parents)
    return next((folder for folder in folders if not folder.stat().st_mode & stat.S_IXOTH), None)


def warn_of_own_python() -> None:
    """Says that a service of another user could not run what root is about to set up."""
    python = Path(sys.executable).resolve()
    if os.geteuid() == 0 and closed_to_others(python) is not None:
        say(
            f"only root can run {python}, and so .venv. To run it as another user, remove .venv and"
        )
        say("set PYTHON=/usr/bin/python3, or another Python that everybody can run")


def make_environment() -> None:
    """Makes an empty environment in place of whatever is there."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    run(sys.executable, "-m", "venv", str(VENV))


def install(target: Stamp, current: Stamp | None) -> None:
    """Brings the environment from one state to another.

    Args:
        target: what it must hold.
        current: what it holds, or None for nothing that can be used.
    """
    STAMP.unlink(missing_ok=True)
    if current is None:
        say("setting up .venv; the first time takes a minute or two")
        warn_of_own_python()
        make_environment()
    if current is None or current.lock != target.lock:
        say(f"installing the packages of requirements/{target.level}.txt")
        lock = str(ROOT / "requirements" / f"{target.level}.txt")
        # Locked means complete: nothing to resolve. Only wheels: nobody's build script runs here.
        pip("install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", lock)
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(json.dumps(asdict(target), indent=1) + "\n", encoding="utf-8")


def bring_up(level: str, *, keep_python: bool) -> None:
    """Makes sure that .venv holds what a level needs.

    Args:
        level: `run` or `dev`; an environment that holds more than asked keeps it.
        keep_python: an environment made with another Python than this one is fine.

    Raises:
        SetupError: a step failed.
        OSError: a file can't be read or written.
    """
    current = found()
    if current is not None and not keep_python and current.python != wanted(level).python:
        current = None
    if current is not None and current.level == "dev":
        level = "dev"
    target = wanted(level)
    if current is not None:
        target = Stamp(**(asdict(target) | {"python": current.python}))
    if current != target:
        install(target, current)


def main() -> int:
    """Brings the environment up, one process at a time."""
    parser = argparse.ArgumentParser(
        description="Makes .venv from a lock, or brings it up to date."
    )
    parser.add_argument("level", choices=LEVELS, help="which lock: what serving needs, or all")
    parser.add_argument(
        "--keep-python", action="store_true", help="any Python that .venv has will do"
    )
    options = parser.parse_args()
    try:
        with (ROOT / ".venv.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bring_up(options.level, keep_python=options.keep_python)
    except SetupError as error:
        say(str(error))
        return 1
    except PermissionError as error:
        say(f"{error.filename} belongs to somebody else: remove .venv and .venv.lock, or own them")
        return 1
    except KeyboardInterrupt:
        return 130  # as shells report it; the next run starts over
    return 0


if __name__ == "__main__":
    sys.exit(main())
