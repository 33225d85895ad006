"""Engines that are set up once for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from tests.engines.sounds import ENGINES


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
