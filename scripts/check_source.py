"""The repository's files and their syntax trees, as the rules of the house read them."""

import ast
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """One file of the repository.

    Attributes:
        path: relative to the root, with forward slashes.
        text: what it holds.
    """

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; empty for what isn't Python, or not the Python that runs here."""
        try:
            return ast.parse(self.text if self.path.endswith(".py") else "", self.path)
        except SyntaxError:
            return ast.parse("")  # the linter reports it, with a better text

    def below(self, *folders: str) -> bool:
        """Tells whether the file is Python and lies in one of the folders."""
        return self.path.endswith(".py") and self.path.startswith(tuple(f"{f}/" for f in folders))


@dataclass(frozen=True, order=True)
class Violation:
    """One place that breaks a rule, and what to do about it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


Rule = Callable[[list[Source]], Iterator[Violation]]


def repository_files() -> list[Source]:
    """Reads the text files that git tracks or would track.

    Raises:
        subprocess.CalledProcessError: this is no git checkout.
    """
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - the person's own git
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    sources = []
    for path in sorted(filter(None, listing.split("\0"))):
        try:
            sources.append(Source(path, (ROOT / path).read_text(encoding="utf-8")))
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue  # removed but not yet committed, a submodule, or not text
    return sources


def imported(node: ast.AST) -> list[str]:
    """Returns the modules that a statement may import, as dotted names; the first one surely.

    `from a import b` gives `a` and `a.b`, as `b` may be a module or only a name in one.
    """
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [module, *(f"{module}.{alias.name}" for alias in names)]
    return []


def called(node: ast.Call) -> str:
    """Returns the last part of the name of what is called, or an empty text."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
