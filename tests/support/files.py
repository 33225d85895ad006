"""Looks at folders in which others are at work."""

from __future__ import annotations

import os
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and all folders below it.

    A folder that is removed during the look counts as empty, where `Path.rglob` raises.
    """
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]
