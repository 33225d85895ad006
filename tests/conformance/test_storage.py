"""The object store: what is written whole is there, what is not whole is not."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dalston.common.errors import ObjectMissingError
from dalston.common.storage import ObjectStore
from tests.support.deployment import Deployment


@pytest.fixture
def store(deployment: Deployment) -> ObjectStore:
    return deployment.store()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def broken_pieces() -> AsyncIterator[bytes]:
    yield b"x" * 20_000_000
    raise ConnectionResetError("the client has gone away")


async def test_objects_are_written_read_listed_copied_and_deleted(
    store: ObjectStore, tmp_path: Path
) -> None:
    await store.put("jobs/a/one.json", b"1")
    await store.put_stream("jobs/a/audio/two.wav", pieces(b"2" * 9_000_000, b"3"))
    (tmp_path / "three").write_bytes(b"3" * 9_000_000)
    await store.put("jobs/a/three", tmp_path / "three")
    await store.copy("jobs/a/one.json", "jobs/b/one.json")

    assert await store.get("jobs/b/one.json") == b"1"
    assert len(await store.get("jobs/a/audio/two.wav")) == 9_000_001
    assert sorted(await store.list("jobs/a")) == [
        "jobs/a/audio/two.wav",
        "jobs/a/one.json",
        "jobs/a/three",
    ]
    await store.download("jobs/a/three", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"3" * 9_000_000
    assert await store.exists("jobs/a/three")
    assert await store.delete_below("jobs/a") == 3
    assert not await store.exists("jobs/a/three")
    assert await store.list("jobs/a") == []
    assert await store.list("jobs/b") == ["jobs/b/one.json"]


async def test_an_interrupted_stream_leaves_nothing(
    store: ObjectStore, deployment: Deployment
) -> None:
    with pytest.raises(ConnectionResetError):
        await store.put_stream("jobs/a/original.wav", broken_pieces())

    assert await store.list("jobs/a") == []
    folder = deployment.store_settings.folder
    if folder is not None:
        assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is full")
async def test_a_full_disk_here_is_not_taken_for_a_store_that_is_down(store: ObjectStore) -> None:
    await store.put("jobs/a/original.wav", b"x" * 100_000)
    with pytest.raises(OSError, match="No space left") as error:
        await store.download("jobs/a/original.wav", Path("/dev/full"))
    assert error.value.errno == errno.ENOSPC


async def test_what_is_not_there_is_said_to_be_missing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissingError):
        await store.get("jobs/none")
    with pytest.raises(ObjectMissingError):
        await store.download("jobs/none", tmp_path / "none")
    with pytest.raises(ObjectMissingError):
        await store.copy("jobs/none", "jobs/other")
    await store.delete("jobs/none")
    assert await store.delete_below("jobs/none") == 0
    await store.check()
