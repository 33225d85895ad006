"""Python environments that engines have of their own, beside the server's.

An engine whose packages don't fit the server's has a virtual environment: the folder `.venv` beside
its `engine.py`, or one that `dalston engine install` makes below the data folder. Its child then
runs with that interpreter, and loads of Dalston only what needs the standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import ConfigurationError

_LAUNCH = Path(__file__).with_name("launch.py")
_MARK = "dalston-installed"
"""The file in an environment that says that all of it is there."""
_OWN_PATHS = ("PYTHONPATH", "PYTHONHOME")
"""Variables that would bring the server's packages into another environment."""


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
    python: str | None = None,
    pip_arguments: Sequence[str] = (),
) -> Path:
    """Make an environment with what an engine's `requirements.txt` asks for, anew if it is there.

    Args:
        spec: The engine.
        environments: The folder of such environments.
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
    environments.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    own = str(folder / "bin" / "python")
    try:
        _run(python or sys.executable, "-m", "venv", str(folder))
        _run(own, "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
        _run(own, "-m", "pip", "install", *pip_arguments, "-r", str(requirements))
    except ConfigurationError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ConfigurationError(
            f"The environment of the engine {spec.id} could not be made: {error.message} It needs "
            f"Python 3.11 or newer (--python), with venv, and the packages of {requirements}."
        ) from None
    (folder / _MARK).touch()
    # A server that runs looks again.
    os.utime(environments)
    return folder


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, check=False)
    except OSError as error:
        raise ConfigurationError(f"{command[0]} can't be started: {error.strerror}.") from None
    if done.returncode != 0:
        raise ConfigurationError(f"see above what `{' '.join(command[1:4])}` said.")
