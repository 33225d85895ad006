"""Which recordings a call is about, and where their transcripts belong below its output folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dalston.common.media import RECORDING_EXTENSIONS


@dataclass(frozen=True)
class Recording:
    """A file that is to be transcribed.

    Attributes:
        path: Where it is.
        folder: Where its transcript belongs, seen from the output folder: as it lies below the
            folder that was named, or nowhere deeper.
    """

    path: Path
    folder: Path = Path()


def find_recordings(named: Sequence[Path]) -> list[Recording]:
    """Return files that were named, and all recordings below folders that were named.

    Below a folder only files count that are named as recordings are, and nothing whose name
    begins with a dot. Files that were named count whatever they are called.
    """
    found = []
    for path in named:
        if not path.is_dir():
            found.append(Recording(path))
            continue
        for place, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [
                Recording(Path(place, name), Path(place).relative_to(path))
                for name in sorted(names)
                if not name.startswith(".") and _extension(name) in RECORDING_EXTENSIONS
            ]
    return found


def _extension(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
