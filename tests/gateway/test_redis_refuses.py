"""Redis that answers and takes nothing: `/health/ready` tells it, and logs have its own words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from tests.faults.proxy import proxy
from tests.support.distributed import distributed
from tests.support.stack import Role, running
from tests.support.waiting import until

MOST_SECONDS = 4.5


def fill(server: redis.Redis) -> None:
    server.config_set("maxmemory", 1)


def make_replica(server: redis.Redis) -> None:
    # Of nobody: it goes on with what it has.
    server.replicaof("127.0.0.1", "1")


@pytest.mark.parametrize(
    ("change", "words"), [(fill, "maxmemory"), (make_replica, "read only replica")]
)
def test_redis_that_takes_nothing_is_told(
    tmp_path: Path, change: Callable[[redis.Redis], None], words: str
) -> None:
    with distributed(tmp_path) as deployment, running(deployment) as stack:
        stack.migrate()
        gateway, orchestrator = stack.gateway(), stack.start("orchestrator")
        engine = stack.start("engine", "run", "stub-merger")
        until(lambda: engine.logged("engine_ready"), "the engine to be ready", 30)
        assert stack.client.get("/health/ready").status_code == httpx.codes.OK
        with deployment.redis() as server:
            change(server)
        until(lambda: not_ready(stack.client), "Redis to be missed", 10)
        assert "takes nothing" in stack.client.get("/health/ready").text
        until(lambda: told(gateway, "not_ready", words), "the gateway's log to say why", 20)
        until(lambda: told(orchestrator, "redis_unavailable", words), "the orchestrator's", 20)
        until(lambda: told(engine, "redis_unavailable", words), "the engine's", 20)


def test_redis_that_swallows_everything_keeps_nobody_who_asks(tmp_path: Path) -> None:
    with (
        distributed(tmp_path) as deployment,
        proxy(urlsplit(deployment.redis_url).port or 0) as line,
    ):
        through = deployment.redis_url.replace(
            f":{urlsplit(deployment.redis_url).port}/", f":{line.port}/"
        )
        with running(replace(deployment, redis_url=through)) as stack:
            stack.migrate()
            stack.gateway()
            assert stack.client.get("/health/ready").status_code == httpx.codes.OK
            line.swallow()
            until(lambda: not_ready(stack.client), "Redis to be missed", 10)
            before = time.monotonic()
            until(lambda: not_ready(stack.client), "Redis to be missed still", 10)
            taken = time.monotonic() - before
    # The check's own three seconds, and not the five of Redis's client on top of them.
    assert taken < MOST_SECONDS


def told(role: Role, event: str, words: str) -> bool:
    return any(words in line["reason"] for line in role.logged(event))


def not_ready(client: httpx.Client) -> bool:
    ready = client.get("/health/ready")
    return bool(ready.json()["checks"]["redis"]["status"] == "unavailable")
