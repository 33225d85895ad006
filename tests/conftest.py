"""Fixtures that all tests may use. Each deployment is named by its URLs alone."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.deployment import REPOSITORY, Deployment, embedded
from tests.support.distributed import distributed, stop_shared_servers
from tests.support.stack import Stack, running

DEPLOYMENTS: dict[str, Callable[[Path], AbstractContextManager[Deployment]]] = {
    "embedded": embedded,
    "distributed": distributed,
}
"""Every pipeline and conformance test runs once on each of these."""

STUBS = ("stub-transcriber", "stub-merger")
LONGEST = (
    "pipeline/test_long_recordings.py",
    "cli/test_embedded.py",
    "pipeline",
    "chaos",
    "fuzz",
    "faults",
    "evaluation",
    "unit/test_bench_speech.py",
    "unit/test_bench_measuring.py",
    "unit/test_bench_postgresql.py",
    "engines",
    "cli",
    "conformance",
)
"""Files and folders of tests that take longest, the longest first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make fuzz` ask for more than `make test` has the time for."""
    parser.addoption("--fuzz-cases", type=int, default=24, help="damaged recordings to try")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: _place(item.path.relative_to(REPOSITORY / "tests")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what went wrong in tests that were tried twice: the second try says nothing of it."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


def _place(path: Path) -> int:
    return next(
        (place for place, begin in enumerate(LONGEST) if path.is_relative_to(begin)), len(LONGEST)
    )


@pytest.fixture(scope="session", autouse=True)
def _shared_servers() -> Iterator[None]:
    """Stop, at the end of the run, the servers that all tests shared."""
    yield
    stop_shared_servers()


@pytest.fixture(params=list(DEPLOYMENTS))
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """Fresh and empty parts for one test."""
    # Not pytest's own folder: its path may be too long for a Unix socket.
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        DEPLOYMENTS[request.param](Path(folder)) as parts,
    ):
        yield parts


@pytest.fixture(scope="module", params=list(DEPLOYMENTS))
def shared_deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """Parts that the tests of a module share."""
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        DEPLOYMENTS[request.param](Path(folder)) as parts,
    ):
        yield parts


@pytest.fixture(scope="module")
def stub_server(shared_deployment: Deployment) -> Iterator[Stack]:
    """A running server with the stub engines, whose default pipeline is `stub`."""
    with running(shared_deployment, *STUBS, DALSTON_PIPELINE="stub") as stack:
        yield stack


@pytest.fixture(scope="session")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of silence: 16 kHz, mono, signed 16-bit."""
    path = tmp_path_factory.mktemp("audio") / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000))
    return path
