"""What machine this is, as far as it matters for speed."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return the processor, how many of it there are, and the system."""
    number = os.cpu_count() or 1
    noun = "processor" if number == 1 else "processors"
    return f"{number} {noun} ({_processor()}), {platform.system()}"


def _processor() -> str:
    """Return the processor's name; Linux keeps it where `platform` doesn't look."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor()) or platform.machine()
