"""Objects in a folder are on the disk before anybody relies on them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from dalston.common.errors import StoreUnavailableError
from dalston.common.storage import FOLDER_PART_BYTES, ObjectStore, StoreSettings

PATH = "jobs/a/audio/original.wav"


class Disk:
    """Stands between the code and `os.fsync`.

    Attributes:
        flushed: Inodes of what was brought to the disk, in order.
        refusals: Error numbers with which a file or a folder is refused.
    """

    def __init__(self) -> None:
        self.flushed: list[int] = []
        self.refusals: dict[str, int] = {}
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "file"
        if kind in self.refusals:
            raise OSError(self.refusals[kind], "refused")
        self._fsync(descriptor)
        self.flushed.append(found.st_ino)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    # macOS has a call of its own for it.
    monkeypatch.setattr(sys, "platform", "linux")
    return disk


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(StoreSettings(folder=tmp_path / "objects"))


async def pieces(size: int) -> AsyncIterator[bytes]:
    yield b"x" * size


async def put(store: ObjectStore) -> None:
    await store.put(PATH, b"x")


async def put_file(store: ObjectStore) -> None:
    await store.put(PATH, Path(__file__))


async def put_short_stream(store: ObjectStore) -> None:
    await store.put_stream(PATH, pieces(1))


async def put_long_stream(store: ObjectStore) -> None:
    await store.put_stream(PATH, pieces(FOLDER_PART_BYTES + 1))


async def copy(store: ObjectStore) -> None:
    await store.put("health/other", b"x")
    await store.copy("health/other", PATH)


WAYS = (put, put_file, put_short_stream, put_long_stream, copy)
Way = Callable[[ObjectStore], Awaitable[None]]


@pytest.mark.parametrize("write", WAYS)
async def test_an_object_and_the_names_that_lead_to_it_are_on_the_disk(
    store: ObjectStore, disk: Disk, tmp_path: Path, write: Way
) -> None:
    await write(store)

    file = tmp_path / "objects" / PATH
    chain = [file, *list(file.parents)[:4]]
    assert chain[-1] == tmp_path / "objects"
    assert disk.flushed[-5:] == [path.stat().st_ino for path in chain]


@pytest.mark.parametrize("write", WAYS)
async def test_what_the_disk_does_not_take_is_not_stored(
    store: ObjectStore, disk: Disk, write: Way
) -> None:
    disk.refusals["file"] = errno.EIO

    with pytest.raises(StoreUnavailableError):
        await write(store)


async def test_a_file_system_need_not_know_how_to_flush_a_folder(
    store: ObjectStore, disk: Disk
) -> None:
    disk.refusals["folder"] = errno.EINVAL
    await put(store)

    disk.refusals["folder"] = errno.EIO
    with pytest.raises(StoreUnavailableError):
        await put(store)


async def test_what_is_deleted_while_it_is_written_was_written(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deleted(_descriptor: int) -> None:
        (tmp_path / "objects" / PATH).unlink(missing_ok=True)
        (tmp_path / "objects" / PATH).parent.rmdir()

    monkeypatch.setattr(os, "fsync", deleted)
    await put(store)
    assert not await store.exists(PATH)


def test_nobody_else_on_the_machine_may_look_into_a_new_folder(tmp_path: Path) -> None:
    """Only `serve` sees to it that its files are its user's own; other roles run apart."""
    before = os.umask(0o022)
    try:
        ObjectStore(StoreSettings(folder=tmp_path / "objects"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700
