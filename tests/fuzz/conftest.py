"""A server for what comes at random. `make fuzz` sends far more of it than `make test`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Role, Stack, running_embedded

ENGINES = ("url-fetch", "audio-prepare", "faster-whisper", "transcript-merger")


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest) -> int:
    """How many damaged recordings there are; requests are fewer by far."""
    return int(request.config.getoption("--fuzz-cases"))


@pytest.fixture(scope="module")
def engines() -> list[Role]:
    """The process that supervises all engines of the server, once it runs."""
    return []


@pytest.fixture(scope="module")
def server(engines: list[Role]) -> Iterator[Stack]:
    """A whole server whose engines really listen; whatever comes, nothing of it is a surprise."""
    settings = {
        "DALSTON_PIPELINE": "default",
        "DALSTON_TRANSCRIBE_ENGINE": "faster-whisper",
        "DALSTON_MODEL": "base",
        # Nobody here answers at what is made up; a request that waits for it hears so at once.
        "DALSTON_FETCH_SECONDS": "0.01",
    }
    with running_embedded(**settings) as stack:
        stack.migrate()
        orchestrator = stack.start("orchestrator")
        engines.append(stack.start("engine", "run", *ENGINES))
        gateway = stack.gateway()
        yield stack
        for role in (gateway, orchestrator, *engines):
            assert "Traceback" not in role.log.read_text(), role.log
