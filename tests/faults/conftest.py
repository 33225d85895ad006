"""Servers that can be broken."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.breakable import Breakable, breakable
from tests.support.gate import Gate
from tests.support.obedient import Obedient


@pytest.fixture(scope="module", params=["embedded", "distributed"])
def parts(request: pytest.FixtureRequest) -> Iterator[Breakable]:
    """Parts that the tests of a module break and mend."""
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        breakable(request.param, Path(folder)) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Obedient:
    """The marks of an engine that does what recordings tell it to do."""
    return Obedient(tmp_path_factory.mktemp("marks"))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """What holds up the engines of a test."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return Gate(folder)
