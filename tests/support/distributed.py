"""The parts of a distributed deployment, as real servers from wheels, on loopback."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench.parts.postgresql import (
    PostgreSQL,
    installed_programs,
    runnable_programs,
    start_postgresql,
)
from bench.parts.seaweedfs import SeaweedFS, start_seaweedfs, store_environment
from bench.parts.valkey import start_valkey
from tests.support.deployment import Deployment

_folders: list[Path] = []


@contextmanager
def distributed(folder: Path) -> Iterator[Deployment]:
    """Start PostgreSQL, Valkey over TCP with a password, and SeaweedFS with credentials."""
    settings = object_server().new_bucket(f"test-{secrets.token_hex(6)}")
    with database() as database_url, _redis() as redis_url:
        yield Deployment(
            name="distributed",
            folder=folder,
            database_url=database_url,
            redis_url=redis_url,
            store_settings=settings,
            store_environment=store_environment(settings),
        )


@contextmanager
def _redis() -> Iterator[str]:
    server = start_valkey()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def database() -> Iterator[str]:
    """Make a fresh database; yields its URL."""
    server = postgresql_server()
    name = f"test_{secrets.token_hex(6)}"
    # A database that is empty is quicker copied than written to the log: half the work.
    server.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    try:
        yield server.url(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def postgresql_server() -> PostgreSQL:
    """Start one server for the whole run: each test gets a database of its own."""
    return start_postgresql(postgresql_programs(), _new_folder("pg"), durable=False)


@cache
def postgresql_programs() -> Path:
    """Return the folder of PostgreSQL's programs, which may have to be copied for its user."""
    return runnable_programs(installed_programs(), _new_folder("postgresql"))


@cache
def object_server() -> SeaweedFS:
    """Start one S3 server for the whole run: each test gets a bucket of its own."""
    return start_seaweedfs(_new_folder("s3"))


def stop_shared_servers() -> None:
    """Stop what serves a whole run, and remove what it kept."""
    try:
        if postgresql_server.cache_info().currsize:
            postgresql_server().stop()
        if object_server.cache_info().currsize:
            object_server().stop()
    finally:
        for folder in _folders:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"dalston-{name}-"))
    _folders.append(folder)
    return folder
