"""An engine in a Python environment of its own, beside a server that lacks its packages."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dalston.common.engine_spec import read_engine
from dalston.engine_sdk.environments import interpreter
from tests.support.deployment import REPOSITORY, Deployment
from tests.support.stack import Stack, running
from tests.support.waiting import until

MODULE = "only_in_the_engines_environment"
CODE = f"""
import sys
from importlib.util import find_spec

from dalston.engine_sdk import Engine, TaskOutput


class Apart(Engine):
    def setup(self):
        import {MODULE}
        self.word = {MODULE}.WORD

    def process(self, input):
        seen = [name for name in ("msgspec", "redis", "yaml") if find_spec(name)]
        data = {{"text": self.word, "segments": [], "prefix": sys.prefix, "seen": seen}}
        return TaskOutput(data)
"""
PIPELINE = "stages:\n  - {stage: transcribe, engine: apart}\n"


def write_wheel(folder: Path) -> None:
    """Write a package with one module."""
    info = f"{MODULE}-1.0.dist-info"
    files = {
        f"{MODULE}.py": b"WORD = 'apart'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        record.append(f"{name},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(folder / f"{MODULE}-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    folder = tmp_path / "engines" / "apart"
    folder.mkdir(parents=True)
    (folder / "engine.py").write_text(CODE)
    (folder / "engine.yaml").write_text("id: apart\nversion: '1'\nstage: transcribe\n")
    (folder / "requirements.txt").write_text(f"{MODULE}==1.0\n")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "apart.yaml").write_text(PIPELINE)
    write_wheel(tmp_path)
    return folder


def settings(folder: Path) -> dict[str, str]:
    return {
        "DALSTON_ENGINES": str(folder / "engines"),
        "DALSTON_PIPELINES": str(folder / "pipelines"),
        "DALSTON_PIPELINE": "stub",
        # What brings the server's packages must not bring them to the engine.
        "PYTHONPATH": str(REPOSITORY),
    }


def install(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dalston", "engine", "install", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def shown(stack: Stack) -> dict[str, Any]:
    engines: dict[str, Any] = stack.client.get("/health/ready").json()["engines"]
    return dict(engines["apart"])


def test_an_engine_runs_where_its_packages_are(
    deployment: Deployment, engine: Path, tmp_path: Path, silence: Path
) -> None:
    with running(deployment, **settings(tmp_path)) as stack:
        stack.migrate()
        stack.start("orchestrator")
        stack.start("engine", "run", "--all")
        stack.gateway()
        until(lambda: shown(stack)["state"] == "failed", "the engine to say what it lacks")
        assert MODULE in shown(stack)["message"]
        assert "dalston engine install apart" in shown(stack)["message"]

        environment = deployment.environment(**settings(tmp_path))
        done = install(environment, "apart", "--", "--no-index", "--find-links", str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr

        until(lambda: shown(stack)["state"] == "idle", "the server to notice")
        job = stack.ended(stack.submit(silence, pipeline="apart"))
        assert job["text"] == "apart", job
        assert job["prefix"] == str(deployment.folder / "environments" / "apart")
        assert job["seen"] == []
        assert read_engine(engine).id == "apart"


def test_an_environment_beside_the_engine_is_used(
    deployment: Deployment, engine: Path, tmp_path: Path, silence: Path
) -> None:
    own = engine / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(own)], check=True)
    [packages] = own.glob("lib/python*/site-packages")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    with running(deployment, "apart", **settings(tmp_path)) as stack:
        job = stack.ended(stack.submit(silence, pipeline="apart"))
    assert (job["text"], job["prefix"], job["seen"]) == ("apart", str(own), [])


def test_an_environment_that_can_not_be_made_leaves_nothing(engine: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DALSTON_DATA_DIR": str(tmp_path / "data"),
        "DALSTON_ENGINES": str(engine.parent),
    }
    done = install(environment, "apart", "--", "--no-index")
    assert done.returncode == 2
    assert "could not be made" in done.stderr
    assert list((tmp_path / "data" / "environments").iterdir()) == []
    done = install(environment, "apart", "--python", "no-such-python")
    assert done.returncode == 2
    assert "no-such-python can't be started" in done.stderr
    assert interpreter(read_engine(engine), tmp_path / "data" / "environments") is None


def test_one_that_can_not_be_made_anew_leaves_the_one_that_works(
    engine: Path, tmp_path: Path
) -> None:
    environment = {**settings(tmp_path), "DALSTON_DATA_DIR": str(tmp_path / "data")}
    wheels = ("--", "--no-index", "--find-links", str(tmp_path))
    assert install(environment, "apart", *wheels).returncode == 0
    (tmp_path / f"{MODULE}-1.0-py3-none-any.whl").unlink()
    done = install(environment, "apart", *wheels)
    assert done.returncode == 2
    environments = tmp_path / "data" / "environments"
    assert f"The one in {environments / 'apart'} is kept." in done.stderr
    assert list(environments.iterdir()) == [environments / "apart"]
    python = interpreter(read_engine(engine), environments)
    assert python is not None
    subprocess.run([python, "-c", f"import {MODULE}"], check=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_broken_off_leaves_nothing(
    engine: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """A package whose making says that it has begun, and doesn't end."""
    begun = tmp_path / "begun"
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "setup.py").write_text(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n"
    )
    (engine / "requirements.txt").write_text(str(tmp_path / "slow"))
    environment = {**os.environ, **settings(tmp_path), "DALSTON_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "dalston", "engine", "install", "apart"]
    # A signal that is ignored here, as under `nohup`, would be ignored there.
    handler = signal.signal(number, signal.SIG_DFL)
    try:
        installing = subprocess.Popen(
            [*command, "--", "--no-index", "--no-build-isolation"], env=environment, process_group=0
        )
    finally:
        signal.signal(number, handler)
    until(begun.exists, "the package to be made", 60)
    # To all of its processes, as a terminal does.
    os.killpg(installing.pid, number)
    assert installing.wait(30) in {130, 128 + number}
    assert list((tmp_path / "data" / "environments").iterdir()) == []
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
