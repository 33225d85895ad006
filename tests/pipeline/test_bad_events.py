"""Messages that nobody should send change nothing, and stop nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dalston.common.redis import EVENTS, queue_key
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.stack import Stack, running

FORGED: dict[str, Any] = {
    "job_id": "job_ffffffffffff",
    "task_id": "task_ffffffffffffffff",
    "hand_out": 1,
    "token": "ffffffffffff",
    "instance": "nobody",
    "v": 1,
}


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[Stack]:
    with running(deployment, DALSTON_PIPELINE="stub") as server:
        server.migrate()
        server.gateway()
        server.start("orchestrator")
        yield server


def test_garbage_and_forged_messages_harm_no_job(stack: Stack, silence: Path) -> None:
    stack.start("engine", "run", *STUBS)
    redis = stack.deployment.redis()
    forged = [{"type": f"task.{kind}", **FORGED} for kind in ("started", "completed", "released")]
    forged.append({"type": "job.created", "job_id": FORGED["job_id"], "v": 1})
    forged.append({"type": "task.completed", **FORGED, "job_id": "../../etc", "task_id": "x"})
    for data in [b"garbage", b"", *(json.dumps(event).encode() for event in forged)]:
        redis.xadd(EVENTS, {"data": data})
    redis.xadd(EVENTS, {"other": "field"})

    job = stack.ended(stack.submit(silence))

    assert job["status"] == "completed"
    assert stack.client.get("/health/ready").status_code == 200


def test_an_entry_that_this_version_does_not_know_stays_in_the_queue(
    stack: Stack, silence: Path
) -> None:
    redis = stack.deployment.redis()
    unknown = b'{"v": 99, "of": "a newer version"}'
    queue = queue_key("stub-transcriber")
    redis.lpush(queue, unknown)
    engine = stack.start("engine", "run", *STUBS)

    job = stack.ended(stack.submit(silence))

    assert job["status"] == "completed"
    assert engine.stop() == 0
    assert redis.lrange(queue, 0, -1) == [unknown]
