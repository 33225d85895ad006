"""Prints the part of requirements/run.txt that one container installs, hashes and all.

pip can't check hashes of a part of a lock by itself: with hashes it wants all packages spelt out,
and as a constraint the lock loses them. So the part is worked out here, from what the lock says
about each package: `# via` names the packages that asked for it. Nothing is resolved anew, and a
package that is missing is an error, never a download without a hash.

Usage, in an image's build; needs nothing but Python:

    python lock_part.py gateway > part.txt
    python lock_part.py engine --requirements requirements.txt > part.txt
    pip install --no-deps --require-hashes -r part.txt
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


class LockPartError(Exception):
    """The lock does not hold what was asked for."""


@dataclass(frozen=True)
class Entry:
    """One package of a lock, at one version.

    Attributes:
        name: its name, normalised.
        version: as the lock pins it.
        via: the packages that need it.
        text: its lines in the lock.
    """

    name: str
    version: str
    via: frozenset[str]
    text: str


def normalised(name: str) -> str:
    """Returns a package's name in the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> list[Entry]:
    """Reads a lock that `make lock` wrote; a package may have one entry for each Python.

    Raises:
        LockPartError: an entry has no hash.
    """
    entries = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        head = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", block)
        if head is None:
            continue
        via = re.search(r"# via (.+)", block)
        if "--hash=sha256:" not in block:
            raise LockPartError(f"{head[1]} has no hash in the lock: run make lock")
        reasons = via[1].split(", ") if via else []
        needed_by = frozenset(normalised(name) for name in reasons)
        entries.append(Entry(normalised(head[1]), head[2], needed_by, block.rstrip()))
    return entries


def declared(pyproject: str, extras: Iterable[str]) -> set[str]:
    """Returns the names that pyproject.toml asks for: for every role, and for some extras.

    Raises:
        LockPartError: there is no such extra.
    """
    project = tomllib.loads(pyproject)["project"]
    optional: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        if extra not in optional:
            raise LockPartError(f"pyproject.toml has no extra '{extra}'")
        wanted += optional[extra]
    return {name for name, _ in pins(wanted)}


def pins(lines: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Yields name and exact version, or None, of each requirement; comments are skipped."""
    for line in lines:
        if match := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[.*?\])?(?:==([^\s;,]+))?", line):
            yield normalised(match[1]), match[2]


def part(entries: list[Entry], roots: set[str]) -> list[Entry]:
    """Returns the entries of some packages and of all that these need.

    Raises:
        LockPartError: one of the packages isn't in the lock.
    """
    unknown = roots - {entry.name for entry in entries}
    if unknown:
        raise LockPartError(
            f"not in requirements/run.txt: {', '.join(sorted(unknown))}. Add it to an extra in "
            f"pyproject.toml and run make lock"
        )
    names, size = set(roots), 0
    while len(names) > size:
        size = len(names)
        names |= {entry.name for entry in entries if entry.via & names}
    return [entry for entry in entries if entry.name in names]


def check_versions(entries: list[Entry], requirements: Iterable[str]) -> set[str]:
    """Returns the names in an engine's requirements, each at a version that the lock has too.

    Raises:
        LockPartError: one is pinned to another version.
    """
    locked: dict[str, set[str]] = {}
    for entry in entries:
        locked.setdefault(entry.name, set()).add(entry.version)
    names = set()
    for name, version in pins(requirements):
        if version is not None and version not in locked.get(name, {version}):
            versions = " and ".join(sorted(locked[name]))
            raise LockPartError(f"{name} is pinned to {version}, but the lock has {versions}")
        names.add(name)
    return names


def main(arguments: list[str]) -> int:
    """Prints the part, or one line of text on standard error; returns the exit status."""
    parser = argparse.ArgumentParser(description="Print a part of requirements/run.txt.")
    parser.add_argument("extras", nargs="*", help="extras in pyproject.toml")
    parser.add_argument("--requirements", type=Path, help="what an engine needs besides")
    parser.add_argument("--lock", type=Path, default=Path("run.txt"))
    parser.add_argument("--pyproject", type=Path, default=Path("pyproject.toml"))
    given = parser.parse_args(arguments)
    try:
        entries = read_lock(given.lock.read_text(encoding="utf-8"))
        roots = declared(given.pyproject.read_text(encoding="utf-8"), given.extras)
        if given.requirements is not None:
            lines = given.requirements.read_text(encoding="utf-8").splitlines()
            roots |= check_versions(entries, lines)
        chosen = part(entries, roots)
    except (LockPartError, OSError) as error:
        sys.stderr.write(f"lock_part.py: {error}\n")
        return 1
    sys.stdout.write("\n".join(entry.text for entry in chosen) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
