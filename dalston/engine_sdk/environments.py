"""Python environments that engines have of their own, beside the server's.

An engine whose packages don't fit the server's has a virtual environment: the folder `.venv` beside
its `engine.py`, or one that `dalston engine install` makes below the data folder. Its child then
runs with that interpreter, and loads of Dalston only what needs the standard library.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import ConfigurationError

_LAUNCH = Path(__file__).with_name("launch.py")
_MARK = "dalston-installed"
"""The file in an environment that says that all of it is there."""
_OWN_PATHS = ("PYTHONPATH", "PYTHONHOME")
"""Variables that would bring the server's packages into another environment."""
_PREVIOUS = ".previous"
"""Behind an engine's id: its environment until another one is whole."""
_SIGNAL_STATUS = 128


def interpreter(spec: EngineSpec, environments: Path | None) -> Path | None:
    """Return the interpreter of an engine's own environment, or None if it has none.

    Args:
        spec: The engine.
        environments: The folder of environments that were installed, by the engine's id.
    """
    candidates = [] if spec.folder is None else [spec.folder / ".venv"]
    if environments is not None and (environments / spec.id / _MARK).exists():
        candidates.append(environments / spec.id)
    for folder in candidates:
        python = folder / "bin" / "python"
        if python.exists():
            return python.absolute()
    return None


def child_command(
    spec: EngineSpec, environments: Path | None, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts an engine's child, without its arguments, and its environment.

    Args:
        spec: The engine.
        environments: The folder of environments that were installed.
        environment: That of a child with the server's own interpreter.
    """
    own = interpreter(spec, environments)
    if own is None:
        return [sys.executable, "-P", "-m", "dalston.engine_sdk.child"], dict(environment)
    kept = {name: value for name, value in environment.items() if name not in _OWN_PATHS}
    return [str(own), "-P", str(_LAUNCH)], kept


def install(
    spec: EngineSpec,
    environments: Path,
    environment: Mapping[str, str],
    python: str | None = None,
    pip_arguments: Sequence[str] = (),
) -> Path:
    """Make an environment with what an engine's `requirements.txt` asks for, anew if it is there.

    Whatever ends this early, a signal too, leaves what was there before, and nothing else.

    Args:
        spec: The engine.
        environments: The folder of such environments.
        environment: Variables for pip.
        python: The interpreter that it is made from: Python 3.11 or newer; the server's own if
            None.
        pip_arguments: More arguments for `pip install`.

    Returns:
        The environment's folder.

    Raises:
        ConfigurationError: It could not be made; pip has said why.
    """
    requirements = None if spec.folder is None else spec.folder / "requirements.txt"
    if requirements is None or not requirements.is_file():
        raise ConfigurationError(
            f"The engine {spec.id} has no requirements.txt. Write down there what it needs, one "
            f"package on a line."
        )
    folder = environments / spec.id
    environments.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    environments.mkdir(exist_ok=True)
    variables = {name: value for name, value in environment.items() if name not in _OWN_PATHS}
    wanted = [*pip_arguments, "-r", str(requirements)]
    with _ended_by_signals(), _in_place_of(folder) as previous:
        try:
            _make(folder, python or sys.executable, wanted, variables)
        except ConfigurationError as error:
            kept = f" The one in {folder} is kept." if previous.exists() else ""
            raise ConfigurationError(
                f"The environment of the engine {spec.id} could not be made: {error.message} It "
                f"needs Python 3.11 or newer (--python), with venv, and the packages of "
                f"{requirements}.{kept}"
            ) from None
    # A server that runs looks again.
    os.utime(environments)
    return folder


def _make(folder: Path, python: str, wanted: Sequence[str], environment: Mapping[str, str]) -> None:
    own, temporary = str(folder / "bin" / "python"), folder / "tmp"
    _run(environment, python, "-m", "venv", str(folder))
    _run(environment, own, "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
    temporary.mkdir()
    # What pip unpacks goes with the environment, should it be killed.
    variables = {**environment, "TMPDIR": str(temporary)}
    _run(variables, own, "-m", "pip", "install", *wanted)
    shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _in_place_of(folder: Path) -> Iterator[Path]:
    """Have an environment made in a folder, and put back what was there if that fails.

    It can't be made elsewhere and moved: its programs name their interpreter by its path.

    Yields:
        Where the one that was there is meanwhile, if one was.
    """
    previous = folder.with_name(f"{folder.name}{_PREVIOUS}")
    if (folder / _MARK).exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    # What is left of one that was killed.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield previous
        (folder / _MARK).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if previous.exists():
            previous.rename(folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have signals that end the process do so by an exception, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(_SIGNAL_STATUS + number)

    ending = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in ending}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(environment: Mapping[str, str], *command: str) -> None:
    try:
        done = subprocess.run(command, check=False, env=environment)
    except OSError as error:
        raise ConfigurationError(f"{command[0]} can't be started: {error.strerror}.") from None
    if done.returncode != 0:
        raise ConfigurationError(f"see above what `{' '.join(command[1:4])}` said.")
