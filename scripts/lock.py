"""Renews the two locks: one resolution, written as requirements/dev.txt and requirements/run.txt.

dev.txt holds all that the repository uses; run.txt is the part of it that a running Dalston needs,
at the very same versions. Both are universal: one file for every supported platform and Python.
They carry hashes and name no index, so that anybody's own index or mirror serves.

Usage: `make lock` keeps the locked versions where pyproject.toml still allows them,
`make lock UPGRADE=1` takes the newest ones.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"

OLDEST_PYTHON = "3.11"
RUN_EXTRAS = ("all", "speech-base")
DEV_EXTRAS = (*RUN_EXTRAS, "dev")

HEADER = """\
# {summary}
# Made by `make lock` from pyproject.toml: don't edit. One resolution gives dev.txt and run.txt.
# The hashes are the public index's; no index is named: pip asks the one that it is set up for.
"""
SUMMARIES = {
    "dev": "All that Dalston's repository uses: run.txt and the tools for tests and checks.",
    "run": "What a running Dalston needs, every role, with the weights of Whisper base.",
}

# Settings of the person's own uv that would change what the locks hold.
FOREIGN_SETTINGS = (
    "UV_FIND_LINKS",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_NO_BINARY",
    "UV_PRERELEASE",
)


class LockError(Exception):
    """The resolution gave something that must not be in a lock."""


def build_requirements() -> list[str]:
    """Returns what an editable install without build isolation needs in the environment."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        requires: list[str] = tomllib.load(file)["build-system"]["requires"]
    return requires


def resolve(extras: tuple[str, ...], kept: Path, *, upgrade: bool) -> str:
    """Resolves pyproject.toml with some of its extras.

    Args:
        extras: names of the optional dependencies to include.
        kept: a lock whose versions are preferred; it is not changed.
        upgrade: take the newest versions instead.

    Returns:
        The lock without a header.

    Raises:
        subprocess.CalledProcessError: there is no solution, or the index can't be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if kept.exists():
            output.write_text(kept.read_text(encoding="utf-8"), encoding="utf-8")
        command = ["uv", "pip", "compile", "pyproject.toml", "-", "--output-file", str(output)]
        command += ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
        command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
        command += ["--annotation-style", "line"]
        for extra in extras:
            command += ["--extra", extra]
        if upgrade:
            command.append("--upgrade")
        environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_SETTINGS}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            input="\n".join(build_requirements()),
            text=True,
            check=True,
        )
        return output.read_text(encoding="utf-8")


def pinned(lock: str) -> set[str]:
    """Returns `name==version` of each requirement."""
    return {line.split(" ")[0] for line in lock.splitlines() if re.match(r"[a-z0-9]", line)}


def verify(lock: str) -> None:
    """Checks that a lock names no place and hashes all that it lists.

    Raises:
        LockError: with the offending line.
    """
    for line in lock.splitlines():
        if "://" in line or " @ " in line or line.startswith("-"):
            message = f"a lock must name no place: {line}"
            raise LockError(message)
    for requirement in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        if re.match(r"[a-z0-9]", requirement) and "--hash=sha256:" not in requirement:
            message = f"a locked package without a hash: {requirement}"
            raise LockError(message)


def without_paths(lock: str) -> str:
    """Removes from the annotations where a requirement was read: it says nothing to a reader."""
    return re.sub(r" \((pyproject\.toml|-r -|-)\)", "", lock)


def main() -> None:
    """Resolves both locks, checks them, and writes them only when both are right."""
    upgrade = "--upgrade" in sys.argv[1:]
    dev_path, run_path = REQUIREMENTS / "dev.txt", REQUIREMENTS / "run.txt"
    REQUIREMENTS.mkdir(exist_ok=True)
    # The second run prefers the versions of the first one, and the check below makes that a rule.
    # (As a constraint they fail: a universal resolution also asks for platforms without wheels.)
    dev = without_paths(resolve(DEV_EXTRAS, dev_path, upgrade=upgrade))
    verify(dev)
    dev_path.write_text(HEADER.format(summary=SUMMARIES["dev"]) + dev, encoding="utf-8")
    run = without_paths(resolve(RUN_EXTRAS, dev_path, upgrade=False))
    verify(run)
    strangers = pinned(run) - pinned(dev)
    if strangers:
        message = f"in run.txt but not in dev.txt: {sorted(strangers)}"
        raise LockError(message)
    run_path.write_text(HEADER.format(summary=SUMMARIES["run"]) + run, encoding="utf-8")
    sys.stdout.write(f"requirements/dev.txt: {len(pinned(dev))} packages\n")
    sys.stdout.write(f"requirements/run.txt: {len(pinned(run))} packages\n")


if __name__ == "__main__":
    main()
