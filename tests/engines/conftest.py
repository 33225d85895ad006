"""Engines and a model that are set up once for the tests of a module, and a runner's bench."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from tests.engines.random_model import write_random_model
from tests.engines.sounds import ENGINES
from tests.support.runner_bench import Bench, new_bench


@pytest.fixture(scope="module")
def prepare() -> Iterator[EngineUnderTest]:
    """The engine that decodes."""
    with open_engine(ENGINES / "prepare" / "audio-prepare") as engine:
        yield engine


@pytest.fixture(scope="module")
def fetch() -> Iterator[EngineUnderTest]:
    """The engine that brings recordings, from this machine as well."""
    with open_engine(
        ENGINES / "fetch" / "url-fetch", config={"fetch_private_addresses": True}
    ) as engine:
        yield engine


@pytest.fixture(scope="module")
def whisper() -> Iterator[EngineUnderTest]:
    """The engine that transcribes, with the base model of the installed packages."""
    with open_engine(
        ENGINES / "transcribe" / "faster-whisper", config={"device": "cpu", "download": False}
    ) as engine:
        yield engine


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Whisper model that has learnt nothing."""
    folder = tmp_path_factory.mktemp("model")
    write_random_model(folder)
    return folder


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A queue, a store, and an engine that does as its tasks say."""
    async with new_bench(tmp_path) as made:
        yield made
