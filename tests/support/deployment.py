"""A set of parts that a server can stand on, known to everybody by URLs alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from dalston.common.redis import STEADY
from dalston.common.storage import ObjectStore, StoreSettings
from dalston.embedded_redis import find_server
from tests.support.waiting import until

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Deployment:
    """The URLs of database, Redis and store, and a folder for what else a server needs."""

    name: str
    folder: Path
    database_url: str
    redis_url: str
    store_settings: StoreSettings
    store_environment: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that stands on these parts."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DALSTON_", "AWS_", "S3_", "DATABASE_URL", "REDIS_URL"))
        }
        return {
            **inherited,
            "DALSTON_DATA_DIR": str(self.folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "DALSTON_LOG_FORMAT": "json",
            **self.store_environment,
            **more,
        }

    def redis(self) -> redis.Redis:
        """Return a client for looking at Redis from outside."""
        return redis.Redis.from_url(self.redis_url)

    def store(self) -> ObjectStore:
        """Return a client for looking at the store from outside."""
        return ObjectStore(self.store_settings)

    def jobs_in_store(self) -> set[str]:
        """Return the ids of the jobs that have objects."""
        return {path.split("/")[1] for path in asyncio.run(self.store().list("jobs"))}


def age(client: redis.Redis) -> None:
    """Spare a test the wait of a lease before any lease is believed to have ended."""
    now: Any = client.time()
    client.set(STEADY, now[0] - 60, px=5000)


@contextmanager
def embedded(folder: Path) -> Iterator[Deployment]:
    """Start the parts of the embedded default: SQLite, Valkey on a Unix socket, a folder."""
    socket = folder / "valkey.sock"
    binary = find_server(None)
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    url = f"unix://{socket}"
    try:
        until(lambda: _answers(url), "Valkey to answer")
        yield Deployment(
            name="embedded",
            folder=folder,
            database_url=f"sqlite:///{folder / 'dalston.db'}",
            redis_url=url,
            store_settings=StoreSettings(folder=folder / "objects"),
        )
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.RedisError:
        return False
