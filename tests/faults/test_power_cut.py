"""The rows of the failure matrix about the machine's power, on a disk of its own.

A loss of power leaves of a disk what its file system had brought there. An image that is mounted as
a disk has just that in its file, so a copy of the file is the disk after the loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bench.parts.seaweedfs import start_seaweedfs
from dalston.common.storage import ObjectStore
from tests.support.deployment import REPOSITORY
from tests.support.gate import Gate, is_alive
from tests.support.serve import Serve
from tests.support.waiting import until

MEGABYTES = 64
OF_A_STORE = 512


@contextlib.contextmanager
def disk(image: Path, megabytes: int = MEGABYTES) -> Iterator[Path]:
    """Yield the folder on which an image is mounted; it is made if it isn't there."""
    folder = image.with_suffix("")
    folder.mkdir()
    new = not image.exists()
    if new:
        with image.open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)
    commands = [["mkfs.ext4", "-q", str(image)]] if new else []
    commands.append(["mount", "-o", "loop", str(image), str(folder)])
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("only root may mount an image, and only where the system has ext4 and loop")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def cut_power(folder: Path) -> None:
    """Copy a disk as it is now; what has only been told to the system is not on the copy."""
    images = [str(folder / "before.img"), str(folder / "after.img")]
    subprocess.run(["cp", "--sparse=always", *images], check=True)


@contextlib.contextmanager
def serving(data_dir: Path, gate: Gate) -> Iterator[Serve]:
    """Yield a server on a data folder, and kill it at the end."""
    server = Serve(data_dir, gate)
    try:
        yield server.wait_until_ready()
    finally:
        family = server.processes()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(is_alive(pid) for pid in family), "its processes to die with it")


def test_power_lost(tmp_path: Path, silence: Path) -> None:
    """What was accepted is there and goes on; what was completed has its text."""
    gate = Gate(tmp_path)
    with disk(tmp_path / "before.img") as before:
        with serving(before / "data", gate) as server:
            gate.open()
            completed = server.submit(silence)
            assert server.ended(completed)["text"] == "Through."
            (gate.folder / "open").unlink()
            accepted = [server.submit(silence) for _ in range(3)]
        cut_power(tmp_path)

    with disk(tmp_path / "after.img") as after, serving(after / "data", gate) as server:
        assert server.ended(completed)["text"] == "Through."
        gate.open()
        assert [server.ended(job_id)["status"] for job_id in accepted] == ["completed"] * 3


@contextlib.contextmanager
def objects(volume: Path) -> Iterator[ObjectStore]:
    """Yield a SeaweedFS on a volume that is prepared as docker-compose.yml has it."""
    prepared = [sys.executable, str(REPOSITORY / "scripts" / "write_through.py"), str(volume)]
    said = subprocess.run(prepared, check=True, capture_output=True, text=True).stdout
    assert "are written through to the disk" in said
    server = start_seaweedfs(volume / "objects")
    try:
        yield ObjectStore(server.new_bucket("recordings"))
    finally:
        server.stop()


def test_power_of_the_store_lost(tmp_path: Path) -> None:
    """Whatever SeaweedFS has said that it has is there, small or in parts."""
    recordings = {f"jobs/{number}": bytes([number]) * 100_000 for number in range(10)}
    recordings["jobs/long"] = bytes(12 * 1024 * 1024)
    with disk(tmp_path / "before.img", OF_A_STORE) as before, objects(before) as store:

        async def put_all() -> None:
            for path, data in recordings.items():
                await store.put_stream(path, in_pieces(data))

        asyncio.run(put_all())
        cut_power(tmp_path)

    with disk(tmp_path / "after.img") as after, objects(after) as store:

        async def get_all() -> dict[str, bytes]:
            return {path: await store.get(path) for path in recordings}

        assert asyncio.run(get_all()) == recordings


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield some bytes as a request brings them."""
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]
