"""`dalston serve`: supervises the embedded Redis and one process for each role."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog

from dalston.common.access import is_loopback
from dalston.common.disk import to_disk
from dalston.common.errors import ConfigurationError, DataFolderInUseError, UnavailableError
from dalston.config import Settings, role_environment
from dalston.db.revision import SCHEMA_REVISION
from dalston.demands import check_all_roles
from dalston.embedded_redis import EmbeddedRedis, find_server
from dalston.listening import bind, url_for_others, url_here
from dalston.ownership import require_usable
from dalston.processes import is_alive, on_stop_signal
from dalston.runtime import open_catalog, open_own_database, require_keys, warn_of_fake_text

log = structlog.get_logger(__name__)

_LOCK_SECONDS = 5.0
"""How long the processes of a killed server may take to let go of the data folder."""
_READY_SECONDS = 60.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_ENGINE_GRACE_SECONDS = 2.0
_STOP_SECONDS = 8.0
_OK, _UNAUTHORIZED = 200, 401
_MISCONFIGURED = 2
"""Exit status of a process that no restart mends."""
_ASKED_FOR_KEYS = "/v1/audio/transcriptions?limit=1"


class DataFolder:
    """The data folder, held by a lock that the engines' supervisors share.

    As long as any of them lives the lock stays, so whoever gets it knows that they are dead.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    async def take(self) -> None:
        """Make the folder and take its lock.

        Raises:
            DataFolderInUseError: Another server has it.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = (self.path / "lock").open("a+")
        deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._is_served() or asyncio.get_running_loop().time() > deadline:
                    raise DataFolderInUseError(
                        f"Another dalston serve uses the data folder {self.path}. Stop it, or "
                        f"name another folder with --data-dir."
                    ) from None
                await asyncio.sleep(0.05)
            else:
                self._file.seek(0)
                self._file.truncate()
                self._file.write(str(os.getpid()))
                self._file.flush()
                return

    def _is_served(self) -> bool:
        """Tell whether the process that took the lock is alive, and not just its children."""
        if self._file is None:
            return False
        self._file.seek(0)
        holder = self._file.read().strip()
        return holder.isdecimal() and is_alive(int(holder))

    @property
    def lock_descriptor(self) -> int:
        """The lock's file descriptor, for a child to inherit."""
        if self._file is None:
            raise RuntimeError("the lock has not been taken")
        return self._file.fileno()

    def instance_prefix(self) -> str:
        """Return what the names of this folder's engine instances begin with, always the same."""
        path = self.path / "instance"
        if not path.exists() or not path.read_text().strip():
            path.write_text(secrets.token_hex(6))
            to_disk(path, self.path)
        return f"serve-{path.read_text().strip()}-"


class Role:
    """One process of the server; restarted when it dies.

    Args:
        inherited: File descriptors that it shares.
        only_first: Arguments for its first start alone.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: dict[str, str],
        inherited: tuple[int, ...] = (),
        only_first: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._only_first = only_first
        self._environment = environment
        self._inherited = inherited
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def keep_running(self) -> None:
        """Start the process, and again whenever it ends, until `stop`."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            try:
                process = await self._start()
            except OSError as error:
                log.error("process_not_started", process=self.name, reason=str(error))  # noqa: TRY400 - the text says it
                await asyncio.sleep(pause)
                continue
            self._only_first = ()
            code = await process.wait()
            if self._stopping.is_set():
                return
            if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            log.error("process_ended", process=self.name, exit_status=code, restart_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "dalston",
            "--die-with",
            str(os.getpid()),
            *self._arguments,
            *self._only_first,
            stdin=asyncio.subprocess.PIPE,
            pass_fds=self._inherited,
            env=self._environment,
            # Ctrl-C goes to the server alone, which stops its roles in the right order.
            start_new_session=True,
        )
        return self._process

    async def stop(self) -> None:
        """End the process: politely, then not."""
        self._stopping.set()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            log.warning("process_killed", process=self.name)
            self._process.kill()
            await self._process.wait()


class Server:
    """Everything in one command, from the same parts that run apart elsewhere."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._folder = DataFolder(settings.data_dir)
        self._stop = asyncio.Event()
        self._redis: EmbeddedRedis | None = None
        self._roles: list[Role] = []

    async def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises:
            ConfigurationError: It can't start as it is configured; says what to change.
            UnavailableError: It can't start now, and may be able to later.
        """
        # Recordings are for this user alone, also in a folder that others may enter.
        os.umask(0o077)
        on_stop_signal(self._stop.set)
        catalog = open_catalog(self._settings)
        await self._folder.take()
        on_s3 = self._settings.s3_bucket is not None
        on_sqlite = self._settings.database_url is None
        require_usable(self._settings.data_dir, database=on_sqlite, objects=not on_s3)
        check_all_roles(self._settings, catalog)
        listener = bind(self._settings.host, self._settings.port)
        url = url_here(self._settings.host, listener.getsockname()[1])
        shutil.rmtree(self._settings.task_folder, ignore_errors=True)
        (self._settings.data_dir / "models").mkdir(exist_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(listener.close)
            if self._settings.redis_url is None:
                self._redis = EmbeddedRedis(
                    find_server(self._settings.valkey_server), self._settings.redis_socket
                )
                await self._redis.start()
                stack.push_async_callback(self._redis.stop)
            await self._migrate()
            if self._stop.is_set():
                return
            await self._require_keys()
            self._make_roles(listener)
            tasks = [asyncio.create_task(role.keep_running()) for role in self._roles]
            if self._redis is not None:
                tasks.append(asyncio.create_task(self._keep_redis(self._redis)))
            stack.push_async_callback(_cancel, tasks)
            stack.push_async_callback(self._stop_roles)
            await self._until(_answers(url))
            if not self._stop.is_set():
                needs_key = await _status(url, _ASKED_FOR_KEYS) == _UNAUTHORIZED
                warn_of_fake_text(self._settings, catalog)
                self._announce(url, url_for_others(listener), needs_key=needs_key)
            await self._stop.wait()
            log.info("server_stopping")
            self._server_file.unlink(missing_ok=True)
        log.info("server_stopped")

    @property
    def _server_file(self) -> Path:
        return self._settings.data_dir / "server.json"

    def _announce(self, url: str, for_others: str | None, *, needs_key: bool) -> None:
        self._note(url)
        log.info("server_ready", url=url, data_dir=str(self._settings.data_dir))
        key = " -H 'Authorization: Bearer dk_…'" if needs_key else ""
        alone = "" if needs_key else "No API keys yet, so only this machine is served.\n"
        if for_others is not None and self._settings.published_address is None:
            alone += f"From other machines: {for_others}\n"
        self._say(
            f"Dalston is ready. Send it a recording:\n\n"
            f"  curl{key} -F file=@talk.mp3 {url}/v1/audio/transcriptions\n\n"
            f"{alone}Documentation: {url}/docs    Stop: Ctrl-C\n"
        )

    def _note(self, url: str) -> None:
        """Write down where the server is; on a full disk it serves without that."""
        temporary = self._server_file.with_suffix(".new")
        try:
            temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}))
            temporary.replace(self._server_file)
        except OSError as error:
            log.warning("server_file_not_written", path=str(self._server_file), reason=str(error))

    def _make_roles(self, listener: socket.socket) -> None:
        environment = role_environment(self._settings)
        prefix = self._folder.instance_prefix()
        grace_seconds = str(min(_ENGINE_GRACE_SECONDS, self._settings.grace_seconds))
        descriptor = listener.fileno()
        # By another Redis, engines elsewhere may be at work.
        order = ["orchestrator", *(["--outlives-engines"] if self._redis is not None else [])]
        self._roles = [
            # Only once: after that the engines are alive, and what they do is theirs.
            Role("orchestrator", order, environment, only_first=("--take-back", prefix)),
            Role("gateway", ["gateway", "--fd", str(descriptor)], environment, (descriptor,)),
            Role(
                "engines",
                ["engine", "run", "--all", "--instance-prefix", prefix],
                environment | {"DALSTON_GRACE_SECONDS": grace_seconds},
                (self._folder.lock_descriptor,),
            ),
        ]

    async def _migrate(self) -> None:
        """Bring the database to the newest schema, in a process of its own.

        A database that is at it already, the usual case, is only looked at.
        """
        if self._settings.database_url is None and _sqlite_is_current(
            self._settings.data_dir / "dalston.db"
        ):
            return
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "dalston",
            "--die-with",
            str(os.getpid()),
            "migrate",
            env=role_environment(self._settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            # What it has begun is undone, and done at the next start.
            process.terminate()
        status = await ended
        if status != 0 and not self._stop.is_set():
            wrong = ConfigurationError if status == _MISCONFIGURED else UnavailableError
            raise wrong("The database could not be migrated; the log says why.")

    async def _require_keys(self) -> None:
        """Ask the database only where others could reach the server: that takes memory."""
        if is_loopback(self._settings.published_address or self._settings.host):
            return
        async with open_own_database(self._settings) as database:
            await require_keys(self._settings, database, self._settings.host)

    async def _keep_redis(self, redis: EmbeddedRedis) -> None:
        while True:
            code = await redis.wait()
            if self._stop.is_set():
                return
            log.error("process_ended", process="redis", exit_status=code)
            await asyncio.sleep(_FIRST_PAUSE)
            try:
                await redis.start()
            except (ConfigurationError, UnavailableError, OSError) as error:
                log.error("redis_not_started", reason=str(error))  # noqa: TRY400 - the text says it

    async def _stop_roles(self) -> None:
        """Stop in the order in which work flows, so that each hears what the one before said."""
        by_name = {role.name: role for role in self._roles}
        for name in ("gateway", "engines", "orchestrator"):
            await by_name[name].stop()

    async def _until(self, condition: Awaitable[None]) -> None:
        waiting = asyncio.ensure_future(condition)
        stopping = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait(
            {waiting, stopping}, timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (waiting, stopping):
            task.cancel()
        if not done:
            raise UnavailableError("The server did not become ready; the log says why.")


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sqlite_is_current(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        ) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] == SCHEMA_REVISION


async def _answers(url: str) -> None:
    """Wait until the gateway answers."""
    while True:
        if await _status(url, "/health") == _OK:
            return
        await asyncio.sleep(0.05)


async def _status(url: str, path: str) -> int | None:
    """Return the status of an answer, or None if there is none."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(request.encode())
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        return int(line.split()[1])
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
