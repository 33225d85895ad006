"""The temporary folders in which tasks are worked on.

Making and removing files and folders costs some file systems more than a quick task does. So a
folder that was left as it was found serves another task, and a small recording is written over
the one before; what nobody has written over after a moment is removed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_PRIVATE = 0o700
_WORK = "work"
_LOCK = ".lock"
_OUTPUTS = ".outputs.jsonl"
SMALL_AUDIO_BYTES = 1024 * 1024
"""Audio up to this stays until it is written over; what is larger goes at once."""
_STALE_SECONDS = 2.0
"""Audio that has not been written over by then is removed."""


class TaskFolder:
    """One task's folder: its audio, and beside it the engine's work folder.

    Attributes:
        path: Holds the audio and the work folder.
        work: What the engine is given.
        free_since: Since when nobody uses it, by the loop's clock.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.work = f"{path}/{_WORK}"
        self.free_since = 0.0
        self._audio: str | None = None
        self._outputs: list[Path] = []

    def place_outputs(self, stage: str) -> Path:
        """Return where the outputs of a stage's chunks go."""
        place = Path(f"{self.path}/{stage}{_OUTPUTS}")
        self._outputs.append(place)
        return place

    def remove_outputs(self) -> None:
        """Remove the outputs of chunks."""
        while self._outputs:
            self._outputs.pop().unlink(missing_ok=True)

    def place_audio(self, name: str) -> Path:
        """Return where the audio of that name goes; what lies there must be written over."""
        place = f"{self.path}/{name}"
        if self._audio is not None and self._audio != place:
            os.rename(self._audio, place)  # noqa: PTH104 - for speed: this runs for each task
        self._audio = place
        return Path(place)

    def remove_audio(self, larger_than: int = -1) -> None:
        """Remove the audio, if there is any of that size in bytes."""
        audio = self._audio
        if audio is None:
            return
        try:
            if os.stat(audio).st_size <= larger_than:  # noqa: PTH116 - for speed, as above
                return
            os.unlink(audio)  # noqa: PTH108 - likewise
        except FileNotFoundError:
            pass
        self._audio = None


class FolderPool:
    """Makes temporary folders, and uses those again that were left empty.

    Args:
        root: Where they lie; it is made if it isn't there.
        name: Begins their names, so that several pools can share a root.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self._name = name
        self._free: deque[TaskFolder] = deque()
        self._made = 0
        self._clearing: asyncio.TimerHandle | None = None
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Remove what killed processes have left in the root, and tell others that this one lives.

        Raises:
            OSError: There is no room.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        for path in self.root.glob(f"*{_LOCK}"):
            _remove_if_dead(path)
        self._lock = _locked(self.root / f"{self._name}{_LOCK}")

    def take(self) -> TaskFolder:
        """Return a folder, empty but for what its audio is written over.

        Raises:
            OSError: There is no room for one.
        """
        while self._free:
            folder = self._free.popleft()
            # Something that clears temporary folders may have been here.
            if os.path.isdir(folder.work):  # noqa: PTH112 - for speed: this runs for each task
                return folder
        self._made += 1
        folder = TaskFolder(f"{self.root}/{self._name}-{self._made}")
        self.root.mkdir(parents=True, exist_ok=True)
        os.mkdir(folder.path, _PRIVATE)  # noqa: PTH102 - as it is kept, as text
        os.mkdir(folder.work, _PRIVATE)  # noqa: PTH102 - likewise
        return folder

    def give_back(self, folder: TaskFolder, files: Iterable[Path] = ()) -> None:
        """Keep a folder for another task; one whose work folder isn't empty is removed.

        Args:
            folder: Nobody works in it any more.
            files: What the engine is known to have left there; what lies elsewhere isn't ours.
        """
        try:
            folder.remove_audio(larger_than=SMALL_AUDIO_BYTES)
            folder.remove_outputs()
            for path in files:
                if path.is_relative_to(folder.path):
                    path.unlink(missing_ok=True)
            left = os.listdir(folder.work)  # noqa: PTH208 - for speed: this runs for each task
        except OSError:
            self.remove(folder)
            return
        if left:
            self.remove(folder)
            return
        loop = asyncio.get_running_loop()
        folder.free_since = loop.time()
        self._free.append(folder)
        if self._clearing is None:
            self._clearing = loop.call_later(_STALE_SECONDS, self._clear)

    def _clear(self) -> None:
        """Remove the audio that nothing has been written over."""
        loop = asyncio.get_running_loop()
        self._clearing = None
        for folder in self._free:
            if loop.time() - folder.free_since < _STALE_SECONDS:
                self._clearing = loop.call_later(_STALE_SECONDS, self._clear)
                return
            folder.remove_audio()

    def remove(self, folder: TaskFolder) -> None:
        """Remove a folder with all that is in it: somebody may still write to it."""
        shutil.rmtree(folder.path, ignore_errors=True)

    def close(self) -> None:
        """Remove all folders that nobody uses."""
        if self._clearing is not None:
            self._clearing.cancel()
        while self._free:
            self.remove(self._free.pop())
        if self._lock is not None:
            Path(self._lock.name).unlink(missing_ok=True)
            self._lock.close()


def _locked(path: Path) -> IO[str]:
    """Make and lock a file that is still there once it is locked: others remove dead ones."""
    while True:
        file = path.open("a+")
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()


def _remove_if_dead(lock: Path) -> None:
    """Remove the folders of a process, recordings among them, that can't do so any more."""
    try:
        with lock.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for folder in lock.parent.glob(f"{lock.name.removesuffix(_LOCK)}-*"):
                shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
    except OSError:
        # Its process lives, or another one is at it.
        return
