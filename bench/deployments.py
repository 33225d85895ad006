"""The deployments that are measured: what each stands on, empty for each measurement."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.database import PostgresTables, SqliteTables, Tables
from bench.parts.postgresql import (
    PostgreSQL,
    installed_programs,
    runnable_programs,
    start_postgresql,
)
from bench.parts.seaweedfs import SeaweedFS, start_seaweedfs, store_environment
from bench.parts.valkey import Valkey, start_valkey
from bench.waiting import MeasureError

REPOSITORY = Path(__file__).parent.parent
EMBEDDED, DISTRIBUTED, DISTRIBUTED_FOLDER = "embedded", "distributed", "distributed-folder"
DEPLOYMENTS = {
    EMBEDDED: "`dalston serve` with nothing set: SQLite, Valkey on a socket, a folder",
    DISTRIBUTED: "a process for each role, PostgreSQL, Valkey over TCP, objects in S3",
    DISTRIBUTED_FOLDER: "the same, objects in a folder of this machine",
}
_OWN_SETTINGS = ("DALSTON_", "DATABASE_URL", "REDIS_URL", "S3_", "AWS_", "ENGINE_ID")


@dataclass(frozen=True)
class Parts:
    """The servers that all measurements of a run share.

    Attributes:
        folder: Where everything that is measured keeps its data.
        start_objects: Starts the S3 server at its first use.
    """

    folder: Path
    postgresql: PostgreSQL
    valkey: Valkey
    start_objects: Callable[[], SeaweedFS]


@contextmanager
def shared_parts(parent: Path | None) -> Iterator[Parts]:
    """Start the servers that all measurements share.

    Args:
        parent: Where the data is kept; None means the system's folder for temporary files.

    Raises:
        MeasureError: One did not start.
    """
    with ExitStack() as stack:

        def folder(name: str) -> Path:
            path = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=parent))
            stack.callback(shutil.rmtree, path, ignore_errors=True)
            return path

        started: list[SeaweedFS] = []

        def start_objects() -> SeaweedFS:
            if not started:
                started.append(start_seaweedfs(folder("s3")))
                stack.callback(started[0].stop)
            return started[0]

        programs = runnable_programs(installed_programs(), folder("postgresql"))
        postgresql = start_postgresql(programs, folder("pg"), durable=True)
        stack.callback(postgresql.stop)
        valkey = start_valkey()
        stack.callback(valkey.stop)
        yield Parts(folder("data"), postgresql, valkey, start_objects)


@dataclass(frozen=True)
class Site:
    """What one server is started on: empty and migrated.

    Attributes:
        deployment: Its name.
        folder: The data folder, below which everything of its own lies.
        environment: Of the server's processes.
        parts: Processes of the servers that it stands on, by what they are.
    """

    deployment: str
    folder: Path
    environment: Mapping[str, str]
    database_url: str | None
    parts: Mapping[str, int]

    def tables(self) -> Tables:
        """Return a connection that looks at its tables."""
        if self.database_url is None:
            return SqliteTables(self.folder / "dalston.db")
        return PostgresTables(self.database_url)


@contextmanager
def new_site(deployment: str, parts: Parts) -> Iterator[Site]:
    """Make what a server is started on, and remove it in the end.

    Raises:
        MeasureError: The database could not be migrated.
    """
    settings = {"DALSTON_PIPELINE": "stub", "DALSTON_LOG_LEVEL": "warning"}
    others: dict[str, int] = {}
    url: str | None = None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder(parts.folder)))
        settings["DALSTON_DATA_DIR"] = str(folder)
        if deployment != EMBEDDED:
            url = stack.enter_context(new_database(parts.postgresql))
            settings |= {"DATABASE_URL": url, "REDIS_URL": parts.valkey.url}
            others |= {
                "PostgreSQL": parts.postgresql.process.pid,
                "Valkey": parts.valkey.process.pid,
            }
        if deployment == DISTRIBUTED:
            objects = parts.start_objects()
            settings |= store_environment(objects.new_bucket(f"bench-{secrets.token_hex(6)}"))
            others["SeaweedFS"] = objects.process.pid
        with parts.valkey.client() as client:
            client.flushall()
        site = Site(deployment, folder, environment(settings), url, others)
        _migrate(site)
        yield site


@contextmanager
def _folder(parent: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="site-", dir=parent) as folder:
        yield folder


@contextmanager
def new_database(server: PostgreSQL) -> Iterator[str]:
    """Make an empty database; yields its URL."""
    name = f"bench_{secrets.token_hex(6)}"
    server.execute(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return a process's environment: this one's without Dalston's settings, and these."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(_OWN_SETTINGS)}
    return {**kept, **settings}


def _migrate(site: Site) -> None:
    migrated = subprocess.run(
        [sys.executable, "-m", "dalston", "migrate"],
        env=site.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if migrated.returncode != 0:
        raise MeasureError(f"dalston migrate: {migrated.stderr}")
