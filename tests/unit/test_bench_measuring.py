"""The benchmark measures real servers, from their start to their end, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.deployments import DISTRIBUTED, DISTRIBUTED_FOLDER, Parts, shared_parts
from bench.jobs import Load, measure_ours, measure_peer
from bench.measures import job_rows
from bench.upload import UPLOADFILE, measure_upload

MEBIBYTE = 1024**2


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    folder = Path(tempfile.mkdtemp(prefix="dalston-bench-"))
    folder.chmod(0o755)
    with shared_parts(folder) as started:
        yield started
        assert list(started.folder.iterdir()) == []
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_jobs_of_ours_and_of_a_peer(parts: Parts) -> None:
    load = Load(single=3, many=20, crowd=256)

    ours = measure_ours(DISTRIBUTED_FOLDER, parts, load)
    theirs = measure_peer("inline", parts, load)

    for found in (ours, theirs):
        assert found.jobs_per_second > 1
        assert 0 < found.p50 <= found.p95
        assert found.errors == 0
    assert {"gateway", "orchestrator", "engine_supervisors", "engine_children"} <= set(ours.cpu)
    assert {"PostgreSQL", "Valkey", "load"} == set(ours.cpu_beside)
    assert ours.cpu_per_job > 0
    rows = job_rows(DISTRIBUTED_FOLDER, [ours], {"celery": [], "taskiq": [], "inline": [theirs]})
    memory = {row.measure: row.value for row in rows if row.measure.endswith("_memory_mb")}
    assert set(memory) == {"gateway_memory_mb", "orchestrator_memory_mb", "engine_memory_mb"}
    assert min(memory.values()) > 20


@pytest.mark.parametrize("receiver", [DISTRIBUTED, DISTRIBUTED_FOLDER, UPLOADFILE])
def test_upload_does_not_fill_the_memory(parts: Parts, receiver: str) -> None:
    found = measure_upload(receiver, parts, 100 * MEBIBYTE)

    assert found.mb_per_second > 1
    assert 0 <= found.growth_mb <= 64
