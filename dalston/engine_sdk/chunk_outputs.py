"""What a stage found in each chunk of a recording, as an engine sees it.

Only the standard library is imported here: this is loaded in every engine's child.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex, overload

Output = dict[str, Any]


class ChunkOutputs(Sequence[Output], list[Output]):  # type: ignore[metaclass, misc]
    """A list whose elements are read when they are looked at, and that can't be changed.

    What was found in many hours is never held at once. It is a list for those who tell one from
    the dictionary that a stage on the whole recording leaves; nothing is in that list itself.

    Args:
        path: A file with one JSON object in each line.
    """

    __hash__ = None  # type: ignore[assignment] # as of any list

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._begins = [0]
        with path.open("rb") as file:
            for line in file:
                self._begins.append(self._begins[-1] + len(line))

    def __len__(self) -> int:
        return len(self._begins) - 1

    @overload
    def __getitem__(self, index: SupportsIndex) -> Output: ...

    @overload
    def __getitem__(self, index: slice) -> list[Output]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Output | list[Output]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        with self._path.open("rb") as file:
            file.seek(self._begins[number])
            found: Output = json.loads(file.readline())
        return found

    def __iter__(self) -> Iterator[Output]:
        return (self[number] for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    def __add__(self, other: list[Any]) -> list[Any]:
        return list(self) + other

    def __repr__(self) -> str:
        return f"<outputs of {len(self)} chunks>"

    def copy(self) -> list[Output]:
        """Return a list that holds them all."""
        return list(self)


def _refuse(*_arguments: object, **_named: object) -> NoReturn:
    raise TypeError("What an earlier stage has found can't be changed. Make a list() of it first.")


for _name in (
    *("__setitem__", "__delitem__", "__iadd__", "__imul__", "append", "extend", "insert"),
    *("remove", "pop", "clear", "sort", "reverse"),
):
    setattr(ChunkOutputs, _name, _refuse)
