"""What the benchmark compares with does its whole work, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.peers.chain import CHAINS, Load, measure_chain
from bench.peers.inline import inline_server
from bench.peers.rows import BlockingConnection
from bench.peers.server import RunningServer
from bench.peers.uploadfile import uploadfile_server
from tests.support.deployment import Deployment
from tests.support.distributed import distributed

RECORDING = os.urandom(2_000_000)
SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bench%'"


@pytest.fixture(scope="module")
def parts() -> Iterator[Deployment]:
    with tempfile.TemporaryDirectory(prefix="dalston-") as folder, distributed(Path(folder)) as it:
        yield it


@pytest.fixture(scope="module")
def database(parts: Deployment) -> Iterator[BlockingConnection]:
    connection = BlockingConnection(parts.database_url, None, "test")
    yield connection
    connection.close()


@pytest.mark.parametrize("name", ["celery", "taskiq"])
def test_chain_runs_to_its_end_and_is_removed(
    parts: Deployment, database: BlockingConnection, name: str
) -> None:
    load = Load(jobs=5, submitters=4, idle_jobs=5, concurrency=2)
    result = measure_chain(CHAINS[name], parts.database_url, parts.redis_url, load)

    assert result.jobs_per_second > 1
    assert 0 < result.idle_latency_p50_ms <= result.idle_latency_p95_ms
    assert set(result.cpu_ms_by_role) == {"workers", "submitter"}
    assert {"worker 1", "worker 2", "worker parent", "submitter"} <= set(result.memory_mb)
    assert min(result.memory_mb.values()) > 5
    assert parts.redis().keys() == []
    assert database.value(SCHEMAS) == 0


def test_inline_request_stores_the_file_and_completes_the_job(
    parts: Deployment, database: BlockingConnection, tmp_path: Path
) -> None:
    with inline_server(parts.database_url, tmp_path) as server:
        answer = post(server)
        files = [path.read_bytes() for path in tmp_path.rglob("*.wav")]
        jobs = database.value("SELECT array_agg(status || ' ' || id) FROM bench_inline.jobs")
        tasks = database.value("SELECT array_agg(status ORDER BY id) FROM bench_inline.tasks")

    assert files == [RECORDING]
    assert jobs == [f"completed {answer['id']}"]
    assert tasks == ["completed", "completed"]
    assert list(tmp_path.iterdir()) == []
    assert database.value(SCHEMAS) == 0


def test_uploadfile_server_stores_the_file(tmp_path: Path) -> None:
    with uploadfile_server(tmp_path) as server:
        answer = post(server)
        files = [path.read_bytes() for path in tmp_path.rglob("*.wav")]

    assert answer["bytes"] == len(RECORDING)
    assert files == [RECORDING]
    assert list(tmp_path.iterdir()) == []


def post(server: RunningServer) -> dict[str, object]:
    answer = httpx.post(f"{server.url}{server.path}", files={"file": RECORDING})
    assert answer.status_code == httpx.codes.OK, answer.text
    found: dict[str, object] = answer.json()
    return found
