"""What processes cost: processor time and memory, by role, from Linux's /proc.

Formats: proc_pid_stat(5), proc_pid_status(5), proc_pid_clear_refs(5).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
AVAILABLE = (_PROC / "self" / "stat").exists()

NameRole = Callable[[str], str]
"""Says by its command line which role a process has."""


def any_command(command: str) -> str:
    """Give all processes the same role."""
    del command
    return ""


def descendants(root: int) -> list[int]:
    """Return the ids of a process and of all below it."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def processor_seconds(root: int, role_of: NameRole = any_command) -> dict[str, float]:
    """Return the processor seconds that each role below a process has used so far."""
    used: dict[str, float] = defaultdict(float)
    ticks = os.sysconf("SC_CLK_TCK")
    for process in descendants(root):
        if fields := _stat(process):
            used[role_of(_command(process))] += (int(fields[11]) + int(fields[12])) / ticks
    return used


def resident_megabytes(root: int, role_of: NameRole = any_command) -> dict[str, float]:
    """Return the resident memory of each role below a process, in megabytes of 10^6 bytes.

    Memory that processes share is counted in each of them.
    """
    used: dict[str, float] = defaultdict(float)
    for process in descendants(root):
        used[role_of(_command(process))] += _status_megabytes(process, "VmRSS")
    return used


def peak_megabytes(process: int) -> float:
    """Return the most resident memory that a process has had since `forget_peak`."""
    return _status_megabytes(process, "VmHWM")


def forget_peak(process: int) -> None:
    """Begin to look for a process's peak of memory anew."""
    (_PROC / str(process) / "clear_refs").write_text("5", encoding="ascii")


def _status_megabytes(process: int, name: str) -> float:
    try:
        text = (_PROC / str(process) / "status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    lines = [line.split() for line in text.splitlines() if line.startswith(f"{name}:")]
    return sum(int(line[1]) for line in lines) * 1024 / 1e6


def _stat(process: int) -> list[str]:
    """Return the fields behind the command's name, which may hold blanks and brackets."""
    try:
        text = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _command(process: int) -> str:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
