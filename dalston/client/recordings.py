"""Which recordings a call is about, and where their transcripts belong below its output folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from dalston.common.media import RECORDING_EXTENSIONS

_SCHEMES = ("https://", "http://")
_NAMELESS = "recording"


@dataclass(frozen=True)
class Recording:
    """What is to be transcribed.

    Attributes:
        path: Where the file is; of an address the last part alone, which is no file here.
        folder: Where its transcript belongs, seen from the output folder: as it lies below the
            folder that was named, or nowhere deeper.
        url: The address that the server fetches it from, if it is no file.
    """

    path: Path
    folder: Path = Path()
    url: str | None = None


def is_address(named: Path | str) -> bool:
    """Tell whether an argument is an address, and not a path."""
    return isinstance(named, str) and named.lower().startswith(_SCHEMES)


def find_recordings(named: Sequence[Path | str]) -> list[Recording]:
    """Return files and addresses that were named, and all recordings below folders.

    Below a folder only files count that are named as recordings are, and nothing whose name
    begins with a dot; links to folders are not followed. Files that were named count whatever they
    are called.

    Raises:
        OSError: A folder can't be read.
    """
    found = []
    for one in named:
        if is_address(one):
            last = PurePosixPath(unquote(urlsplit(str(one)).path)).name.replace("\0", "")
            found.append(Recording(Path(last or _NAMELESS), url=str(one)))
            continue
        path = Path(one)
        if not path.is_dir():
            found.append(Recording(path))
            continue
        for place, folders, names in os.walk(path, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [
                Recording(Path(place, name), Path(place).relative_to(path))
                for name in sorted(names)
                if _is_recording(Path(place, name))
            ]
    return found


def _raise(error: OSError) -> None:
    raise error


def _is_recording(path: Path) -> bool:
    known = _extension(path.name) in RECORDING_EXTENSIONS
    return known and not path.name.startswith(".") and path.is_file()


def _extension(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
