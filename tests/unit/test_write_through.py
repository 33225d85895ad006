"""What is done to the volume of Compose's store before that starts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scripts import write_through
from scripts.write_through import NEW, own_paths, prepare
from tests.support.deployment import REPOSITORY


def prepared(volume: Path) -> str:
    """Run the program as its container does; return what it said."""
    program = [sys.executable, str(REPOSITORY / "scripts" / "write_through.py"), str(volume)]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout


def test_a_new_store_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    prepared(tmp_path)
    (tmp_path / NEW / "1.dat").touch()
    prepared(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {NEW, "lost+found"}
    assert (tmp_path / NEW / "1.dat").exists()


def test_a_store_that_is_there_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "filerldb2").mkdir()
    (tmp_path / "filerldb2" / "1.log").write_text("names")
    (tmp_path / "1.dat").write_text("recordings")
    prepared(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"filerldb2", "1.dat"}
    assert (tmp_path / "filerldb2" / "1.log").read_text() == "names"


def test_what_it_can_not_do_for_another_users_volume_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that an older version has made belongs to root, and its files don't."""
    # Where these tests run, the file system may know no attributes; others test that.
    monkeypatch.setattr(write_through, "write_through", lambda _path: True)
    own = write_through._is_own
    monkeypatch.setattr(write_through, "_is_own", lambda path: path != tmp_path and own(path))
    (tmp_path / "1.dat").touch()
    assert "from the next start on" in prepare(tmp_path)
    (tmp_path / "1.dat").unlink()
    assert "from the next start on" not in prepare(tmp_path)


def test_a_file_system_that_cannot_is_no_reason_not_to_start() -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir():
        pytest.skip("only Linux has a file system in memory there")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        said = prepared(Path(folder))
        assert "can't write through" in said
        assert "a bucket of your own" in said
        assert (Path(folder) / NEW).is_dir()


def test_what_others_own_and_what_is_no_file_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    os.mkfifo(tmp_path / "pipe")
    found = list(own_paths(tmp_path))
    assert found == [tmp_path, tmp_path / "folder", tmp_path / "folder" / "file"]
    monkeypatch.setattr(os, "getuid", lambda: 10**9)
    assert list(own_paths(tmp_path)) == []
