"""A server with small limits, for requests that break them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bad_input.dribble import Dribble
from tests.bad_input.traces import temporary_folder
from tests.conftest import DEPLOYMENTS
from tests.support.stack import Stack, running

MAX_UPLOAD_BYTES = 4 * 1024 * 1024
BODY_TIMEOUT_SECONDS = 1


@contextmanager
def _strict(name: str) -> Iterator[Stack]:
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        DEPLOYMENTS[name](Path(folder)) as parts,
    ):
        temporary_folder(parts).mkdir()
        with running(
            parts,
            DALSTON_PIPELINE="stub",
            DALSTON_MAX_UPLOAD_BYTES=str(MAX_UPLOAD_BYTES),
            DALSTON_BODY_TIMEOUT_SECONDS=str(BODY_TIMEOUT_SECONDS),
            TMPDIR=str(temporary_folder(parts)),
        ) as stack:
            stack.migrate()
            gateway = stack.gateway()
            yield stack
            # Whatever was sent, nothing of it was a surprise.
            assert gateway.logged("unexpected_error") == []
            assert "Traceback" not in gateway.log.read_text()


@pytest.fixture(scope="session")
def strict() -> Iterator[Stack]:
    """A gateway with small limits. What it accepts stays pending: nobody works here.

    For requests that are refused before they reach a database or a store, so one deployment will
    do.
    """
    with _strict("embedded") as stack:
        yield stack


@pytest.fixture(scope="session", params=list(DEPLOYMENTS))
def strict_anywhere(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The same on each deployment, for requests that get as far as a database or a store."""
    if request.param == "embedded":
        yield request.getfixturevalue("strict")
    else:
        with _strict(request.param) as stack:
            yield stack


@pytest.fixture(scope="session", autouse=True)
def dribble(strict: Stack) -> Iterator[Dribble]:
    """Begins before all other tests of this folder and runs beside them: it takes ten seconds."""
    client = Dribble(strict.url)
    yield client
    client.stop()
