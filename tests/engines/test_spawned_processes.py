"""What an engine starts with `multiprocessing`: its processes find its code."""

from __future__ import annotations

import asyncio
import json
import venv
from pathlib import Path

import pytest

from dalston.engine_sdk.child_messages import ChildOutput
from dalston.engine_sdk.testing import run_engine
from tests.engines import long_engine

YAML = "id: many\nversion: '1'\nstage: notes\n"
CODE = """
import multiprocessing
from dalston.engine_sdk import *

def square(number):
    return number * number

class Many(Engine):
    def process(self, input):
        with multiprocessing.get_context("{method}").Pool(1) as pool:
            # Python starts workers that can't read what they are to do again and again.
            return TaskOutput({{"squares": pool.map_async(square, [2, 3]).get(20)}})
"""


def engine(folder: Path, method: str) -> Path:
    folder.mkdir()
    (folder / "engine.yaml").write_text(YAML)
    (folder / "engine.py").write_text(CODE.format(method=method))
    return folder


@pytest.mark.parametrize("own_environment", [False, True])
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
async def test_a_process_that_an_engine_spawns_finds_its_functions(
    tmp_path: Path, method: str, *, own_environment: bool
) -> None:
    folder = engine(tmp_path / "many", method)
    if own_environment:
        venv.EnvBuilder(symlinks=True).create(folder / ".venv")
    async with asyncio.timeout(40):
        result = await long_engine.result_of(folder, long_engine.task(folder, 1))
    assert isinstance(result, ChildOutput), result
    assert json.loads(result.data) == {"squares": [4, 9]}


def test_it_does_when_its_author_tries_it(tmp_path: Path) -> None:
    folder = engine(tmp_path / "many", "spawn")
    assert run_engine(folder, folder / "engine.yaml").data == {"squares": [4, 9]}
