"""Has Linux bring to the disk at once whatever is written below the folder of a store.

SeaweedFS writes a recording, where it lies and what it is called into three files, and leaves it to
the system when these get to the disk. Files and folders with the attribute S (`chattr +S`) are
written through, and what is made in such a folder has it too, so a store that lies in one has on
the disk what it says that it has (`docs/decisions/0033-a-store-that-writes-through.md`).

Usage: python write_through.py FOLDER

It needs nothing but Python. Where a file system knows no such attribute it says so and ends with 0:
the store is as good as without.
"""

import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

NEW = "objects"
"""Made for a store that has nothing yet: the volume's own folder may be another user's."""
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
"""`FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS` of `linux/fs.h` where a long has eight bytes."""
_SYNC = 0x00000008
"""`FS_SYNC_FL` there."""


def write_through(path: Path) -> bool:
    """Gives a file or folder the attribute; tells whether it has it then.

    Raises:
        OSError: It can't be opened, or its file system knows no attributes.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        flags = _flags(opened)
        if not flags & _SYNC:
            fcntl.ioctl(opened, _SET_FLAGS, struct.pack("i", flags | _SYNC))
            flags = _flags(opened)
        # What came before may still be on its way.
        os.fsync(opened)
        return bool(flags & _SYNC)
    finally:
        os.close(opened)


def _flags(opened: int) -> int:
    found: bytes = fcntl.ioctl(opened, _GET_FLAGS, bytes(4))
    return int(struct.unpack("i", found)[0])


def own_paths(folder: Path) -> Iterator[Path]:
    """Yields this user's files and folders below a folder, and the folder itself if it is one.

    Each folder comes before what is in it, so that what is made meanwhile is written through too.
    """
    if _is_own(folder):
        yield folder
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if _is_own(path):
                yield path


def _is_own(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    is_plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return is_plain and found.st_uid == os.getuid()


def prepare(volume: Path) -> str:
    """Prepares the volume of a store, which may have lain in it before this was done.

    Returns:
        What was done.

    Raises:
        OSError: The file system can't do it.
    """
    if not {path.name for path in volume.iterdir()} - {NEW, "lost+found"}:
        (volume / NEW).mkdir(exist_ok=True)
    count = 0
    for path in own_paths(volume):
        try:
            if not write_through(path):
                raise OSError(f"{path} doesn't keep the attribute")
        except FileNotFoundError:
            continue
        count += 1
    said = f"{count} files and folders are written through to the disk."
    if (volume / NEW).is_dir() or _is_own(volume):
        return said
    return f"{said} A file that is made beside them is so from the next start on."


def main() -> None:
    """Prepares the folder that the command line names, and says what came of it."""
    try:
        said = prepare(Path(sys.argv[1]))
    except OSError as error:
        said = (
            f"This disk or its file system can't write through ({error}). After a loss of power "
            f"what came in the last half minute may be gone. Use another one, such as ext4, XFS or "
            f"Btrfs, or a bucket of your own (docs/deployment.md)."
        )
    print(said, flush=True)


if __name__ == "__main__":
    main()
