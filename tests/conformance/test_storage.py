"""The object store: what is written whole is there, what is not whole is not."""

from __future__ import annotations

import errno
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from dalston.common.errors import ObjectMissingError
from dalston.common.storage import BUCKET_PART_BYTES, FOLDER_PART_BYTES, ObjectStore
from tests.support.deployment import Deployment


@pytest.fixture
def store(deployment: Deployment) -> ObjectStore:
    return deployment.store()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def broken_pieces(size: int) -> AsyncIterator[bytes]:
    yield b"x" * size
    raise ConnectionResetError("the client has gone away")


async def entity_tag(deployment: Deployment, path: str) -> str:
    """Return what S3 knows an object by: with a dash, if it was written in parts."""
    settings = deployment.store_settings
    client = S3Store(
        settings.bucket,
        region=settings.region,
        endpoint=settings.endpoint_url,
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key,
        client_options={"allow_http": True},
    )
    return str((await obstore.head_async(client, path))["e_tag"])


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


@pytest.mark.parametrize("part_bytes", [FOLDER_PART_BYTES, BUCKET_PART_BYTES])
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_a_stream_is_whole_wherever_a_part_ends(
    store: ObjectStore, part_bytes: int, more: int
) -> None:
    data = bytes(range(256)) * (part_bytes // 256 + 1)
    data = data[: part_bytes + more]
    cuts = (0, 1, 200_000, 200_001, len(data) - 1, len(data))
    await store.put_stream(
        "jobs/a/original.wav", pieces(*(data[a:b] for a, b in itertools.pairwise(cuts)))
    )
    assert await store.get("jobs/a/original.wav") == data


async def test_a_stream_of_nothing_is_an_empty_object(store: ObjectStore) -> None:
    await store.put_stream("jobs/a/original.wav", pieces())
    assert await store.get("jobs/a/original.wav") == b""


async def test_a_small_stream_is_written_at_once_and_a_large_one_in_parts(
    store: ObjectStore, deployment: Deployment
) -> None:
    if deployment.store_settings.bucket is None:
        # In a folder only the time that it takes tells them apart.
        return
    await store.put_stream("jobs/a/small.wav", pieces(b"1" * 50_000, b"2" * 50_000))
    await store.put_stream("jobs/a/large.wav", pieces(b"1" * BUCKET_PART_BYTES, b"2"))
    assert "-" not in await entity_tag(deployment, "jobs/a/small.wav")
    assert "-" in await entity_tag(deployment, "jobs/a/large.wav")


@pytest.mark.parametrize("size", [1, 100_000, 5_000_000])
async def test_a_download_is_whole(store: ObjectStore, tmp_path: Path, size: int) -> None:
    data = (b"0123456789" * (size // 10 + 1))[:size]
    await store.put("jobs/a/original.wav", data)
    await store.download("jobs/a/original.wav", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("size", [1000, 20_000_000])
async def test_an_interrupted_stream_leaves_nothing(
    store: ObjectStore, deployment: Deployment, size: int
) -> None:
    with pytest.raises(ConnectionResetError):
        await store.put_stream("jobs/a/original.wav", broken_pieces(size))

    assert await store.list("jobs/a") == []
    folder = deployment.store_settings.folder
    if folder is not None:
        assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_what_a_killed_writer_left_goes_with_all_else_below(
    store: ObjectStore, deployment: Deployment
) -> None:
    """A bucket keeps such parts to itself."""
    folder = deployment.store_settings.folder
    for name in ("a/tasks/one/output.json", "b/one.json"):
        await store.put(f"jobs/{name}", b"{}")
        if folder is not None:
            left = folder / "jobs" / Path(name).parent
            (left / "audio.wav#1").write_bytes(b"half of what was said")

    assert await store.delete_below("jobs/a") == 1

    assert await store.list("jobs") == ["jobs/b/one.json"]
    if folder is not None:
        assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
            "audio.wav#1",
            "one.json",
        ]
        assert not (folder / "jobs" / "a").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is full")
@pytest.mark.parametrize("size", [100_000, 5_000_000])
async def test_a_full_disk_here_is_not_taken_for_a_store_that_is_down(
    store: ObjectStore, size: int
) -> None:
    await store.put("jobs/a/original.wav", b"x" * size)
    with pytest.raises(OSError, match="No space left") as error:
        await store.download("jobs/a/original.wav", Path("/dev/full"))
    assert error.value.errno == errno.ENOSPC


async def test_what_is_not_there_is_said_to_be_missing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissingError):
        await store.get("jobs/none")
    with pytest.raises(ObjectMissingError):
        await store.download("jobs/none", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ObjectMissingError):
        await store.copy("jobs/none", "jobs/other")
    await store.delete("jobs/none")
    assert await store.delete_below("jobs/none") == 0
    await store.check()
