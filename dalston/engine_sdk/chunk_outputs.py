"""What a stage found in each chunk of a recording, for an engine that reads it on demand.

Only the standard library is imported here: this is loaded in every engine's child.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

Output = dict[str, Any]


class ChunkOutputs(Sequence[Output]):
    """Outputs that are read when they are looked at: those of many hours are never held at once.

    Args:
        path: A file with one JSON object in each line.

    Raises:
        OSError: The file can't be read, now or later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begins = [0]
        with path.open("rb") as file:
            for line in file:
                self._begins.append(self._begins[-1] + len(line))

    def __len__(self) -> int:
        return len(self._begins) - 1

    @overload
    def __getitem__(self, index: int) -> Output: ...

    @overload
    def __getitem__(self, index: slice) -> list[Output]: ...

    def __getitem__(self, index: int | slice) -> Output | list[Output]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        with self._path.open("rb") as file:
            file.seek(self._begins[number])
            found: Output = json.loads(file.readline())
        return found
