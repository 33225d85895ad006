"""Folders in which others are at work, and disks that are full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and all folders below it.

    A folder that is removed during the look counts as empty, where `Path.rglob` raises.
    """
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def fill(path: Path) -> None:
    """Write a file until the disk has no room."""
    with pytest.raises(OSError, match="No space left"):
        _write_without_end(path)


def _write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
