"""The row of the failure matrix about the machine's power, on a disk of its own.

A loss of power leaves of a disk what its file system had brought there. An image that is mounted as
a disk has just that in its file, so a copy of the file is the disk after the loss.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gate import Gate, is_alive
from tests.support.serve import Serve
from tests.support.waiting import until

MEGABYTES = 64


@contextlib.contextmanager
def disk(image: Path) -> Iterator[Path]:
    """Yield the folder on which an image is mounted; it is made if it isn't there."""
    folder = image.with_suffix("")
    folder.mkdir()
    new = not image.exists()
    if new:
        with image.open("wb") as file:
            file.truncate(MEGABYTES * 1024 * 1024)
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
        shutil.copyfile(tmp_path / "before.img", tmp_path / "after.img")

    with disk(tmp_path / "after.img") as after, serving(after / "data", gate) as server:
        assert server.ended(completed)["text"] == "Through."
        gate.open()
        assert [server.ended(job_id)["status"] for job_id in accepted] == ["completed"] * 3
