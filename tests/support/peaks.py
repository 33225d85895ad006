"""What processes and folders take at most, seen from outside."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.files import files_below

_LOOK_SECONDS = 0.02


class FolderPeak:
    """The most bytes that lay in a folder at a time.

    Attributes:
        highest: Bytes.
        looks: How often it was looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._over = threading.Event()
        self.highest = 0
        self.looks = 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look again and again in the background."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.looks += 1
            self.highest = max(self.highest, sum(_size(path) for path in files_below(self._folder)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Yield a folder on a file system of that size, where the user may make one.

    Elsewhere it is a plain folder: whoever uses it watches it as well (`FolderPeak`).
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def only_to_be_read(path: Path) -> Iterator[bool]:
    """Have a file or a folder refuse to be written, also for root; yield whether it does."""
    made = _mounted("--bind", str(path), str(path))
    try:
        yield made and _mounted("-o", "remount,bind,ro", str(path))
    finally:
        if made:
            # Whoever has opened it keeps what he has.
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mounted(*arguments: str) -> bool:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def memory_peaks(roles: dict[str, int]) -> dict[str, float]:
    """Return the highest resident memory of processes and of the engines below them, in MB.

    Args:
        roles: Process ids by the name under which the peak is returned.
    """
    found = {name: _peak(process_id) for name, process_id in roles.items()}
    for process_id in roles.values():
        for child in _children(process_id):
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if b"dalston.engine_sdk.child" in arguments:
                folder = arguments[arguments.index(b"dalston.engine_sdk.child") + 1].decode()
                found[Path(folder).name] = _peak(child)
    return found


def _children(process_id: int) -> list[int]:
    tasks = Path(f"/proc/{process_id}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _peak(process_id: int) -> float:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {process_id} has no memory")
