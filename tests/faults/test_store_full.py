"""The row of the failure matrix about a store without room, on a small disk of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.test_matrix_parts import Server
from tests.support.deployment import Deployment, embedded
from tests.support.files import fill
from tests.support.gate import Gate
from tests.support.peaks import small_disk
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

MEGABYTE = 1024 * 1024
DISK_MEGABYTES = 8
FULL = "The object store is full. Make room"


@pytest.fixture
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with embedded(tmp_path_factory.mktemp("d")) as parts:
        folder = parts.store_settings.folder
        assert folder is not None
        with small_disk(folder, DISK_MEGABYTES):
            if not folder.is_mount():
                pytest.skip("only root may make a disk that can be filled")
            yield parts


def store_is_full(stack: Stack) -> bool:
    ready = stack.client.get("/health/ready")
    store = ready.json()["checks"]["store"]
    down = (ready.status_code, store["status"]) == (httpx.codes.SERVICE_UNAVAILABLE, "unavailable")
    return down and store["message"].startswith(FULL)


def test_store_full(small_store: Deployment, tmp_path: Path, silence: Path) -> None:
    """No row for what has no room, not ready; engines wait and are charged nothing."""
    gate = Gate(tmp_path)
    folder = small_store.store_settings.folder
    assert folder is not None
    with running(small_store, **gate.settings()) as stack:
        server = Server(stack, gate)
        server.start()
        accepted = stack.submit(silence)
        server.wait_for_run(accepted)
        too_much = stack.client.post(
            TRANSCRIPTIONS, files={"file": ("a.wav", bytes(2 * DISK_MEGABYTES * MEGABYTE))}
        )
        assert too_much.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert too_much.json()["error"]["code"] == "store_unavailable"
        assert too_much.json()["error"]["message"].startswith(FULL)
        assert stack.client.get("/health/ready").status_code == httpx.codes.OK

        fill(folder / "filler")
        refused = stack.client.post(TRANSCRIPTIONS, files={"file": ("a.wav", bytes(MEGABYTE))})
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert refused.json()["error"]["message"].startswith(FULL)
        until(lambda: store_is_full(stack), "the store to be known to be full", 10)
        gate.open()
        until(lambda: server.engine.logged("store_unavailable"), "the engine to miss room", 60)
        (folder / "filler").unlink()

        server.completed_uncharged(accepted)
        assert [job["id"] for job in stack.client.get(TRANSCRIPTIONS).json()["jobs"]] == [accepted]
        kept = {path.split("/")[1] for path in asyncio.run(small_store.store().list("jobs"))}
        assert kept == {accepted}, "nothing is left of what was refused"
