"""What an engine says about its models: a class of its own in `models.py`, beside `engine.py`.

It is asked in a process of its own, with the engine's interpreter, without loading the engine. Only
the standard library is imported here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Progress = Callable[[str, float | None, float | None], None]
"""Is told what is being done, and how far it is: message, done, total."""


@dataclass(frozen=True)
class Model:
    """A model that an engine can use.

    Attributes:
        name: What the setting `model` says.
        present: Whether it is complete on this machine.
        source: Where it is, or comes from: `folder`, `package`, `cache`, `hub` …
        size: Bytes on the disk, if that is known.
        aliases: Other names that mean the same files.
    """

    name: str
    present: bool
    source: str
    size: int | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckedFile:
    """What came of comparing one file with its published SHA-256.

    Attributes:
        name: The file's, within the model.
        sha256: What it has.
        expected: What it should have; None if nobody has published that.
        problem: What is wrong, for people; empty if nothing is.
    """

    name: str
    sha256: str
    expected: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class Verification:
    """What came of verifying a model.

    Attributes:
        model: The model.
        files: Each of its files.
        reference: Whose figures they were compared with; empty if there are none.
    """

    model: Model
    files: list[CheckedFile] = field(default_factory=list)
    reference: str = ""


class ModelStore(ABC):
    """Finds, brings, checks and removes the models of one engine.

    A method that can't do what it is asked raises `TaskFailed`, with a code that begins with
    `model_`.

    Args:
        config: The engine's configuration.
        progress: Is told what is being done.
    """

    def __init__(self, config: dict[str, Any], progress: Progress) -> None:
        self.config = config
        self.progress = progress

    @abstractmethod
    def list(self) -> list[Model]:
        """Return the models that are here, and those that could be brought, best known first."""

    @abstractmethod
    def find(self, name: str) -> Model:
        """Return what is known of one model; one that isn't here is not an error."""

    @abstractmethod
    def pull(self, name: str) -> Model:
        """Bring a model onto this machine, unless it is here."""

    @abstractmethod
    def verify(self, name: str) -> Verification:
        """Compare each file of a model with its published SHA-256."""

    @abstractmethod
    def remove(self, name: str) -> Model:
        """Remove a model from this machine."""


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
