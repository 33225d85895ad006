"""Has files on the disk before anybody relies on them: a loss of power takes all that isn't there.

The object store's library leaves that to the system, which takes up to half a minute.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk says that is full, or full for this user."""
_NOT_FOR_FOLDERS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES})
"""What file systems say that have no such call for a folder, or let nobody read it."""
_THREADS = 32
"""Files that are waited for at a time: a small one should not wait for a few large ones."""
_UNFINISHED = re.compile(r".+#\d+")
"""How a file is called while the library writes it; it gets its own name once it is whole."""


def to_disk(file: Path, below: Path) -> None:
    """Return once a file's bytes are on the disk, and the names that lead to them.

    Args:
        file: Written and closed.
        below: A folder above it; those between the two may be new.

    Raises:
        OSError: The disk doesn't take it, or the file isn't there.
    """
    _flush(file)
    for folder in file.parents:
        try:
            _flush(folder)
        except OSError as error:
            if error.errno not in _NOT_FOR_FOLDERS:
                raise
        if folder == below:
            break


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if sys.platform == "darwin":
            import fcntl  # noqa: PLC0415 - elsewhere it isn't needed, or isn't there

            # There fsync leaves it in the disk's own memory. Not every volume knows the other.
            with suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
                return
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ObjectFolder:
    """What objects in a folder need beyond what the library does.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        # Not the loop's own threads, for which others would have to wait as long as the disk takes.
        self._threads = ThreadPoolExecutor(_THREADS, "disk")

    async def to_disk(self, path: str) -> None:
        """Return once an object that was written can't be lost.

        Raises:
            OSError: The disk doesn't take it.
        """
        loop = asyncio.get_running_loop()
        # It may have been deleted since it was written.
        with suppress(FileNotFoundError):
            await loop.run_in_executor(self._threads, to_disk, self._root / path, self._root)

    def shares_disk_with(self, path: Path) -> bool:
        """Tell whether a folder is on the disk that the objects are on."""
        try:
            return self._root.stat().st_dev == path.stat().st_dev
        except OSError:
            return False

    def unfinished(self, below: str = "") -> Sequence[str]:
        """Return what writers that were killed have left below a prefix: no object, but a file."""
        # Unlike a glob it passes over folders that somebody else removes meanwhile.
        return [
            Path(folder, name).relative_to(self._root).as_posix()
            for folder, _, names in os.walk(self._root / below)
            for name in names
            if _UNFINISHED.fullmatch(name)
        ]

    def delete_unfinished(self, path: str) -> None:
        """Delete a file that `unfinished` named, or each below a prefix.

        And the folders that are empty without it.
        """
        is_one = _UNFINISHED.fullmatch(path.rpartition("/")[2])
        for one in [path] if is_one else self.unfinished(path):
            self._delete(one)

    def _delete(self, path: str) -> None:
        target = self._root / path
        target.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in target.parents:
                if folder == self._root:
                    break
                folder.rmdir()
