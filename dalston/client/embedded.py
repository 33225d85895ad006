"""The server on a data folder: the one that runs there, or one started for a call.

Calls that run at the same time share one server. Two locked files see to it: `transcribe.start`
is held while somebody looks for the server, starts it or stops it; `transcribe.users` is shared
by all that use it, and holds the process id of a server that belongs to one of them. The call
that started a server stops it when nobody else uses it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from dalston.client.api import Api
from dalston.listening import server_on

try:
    import fcntl
except ModuleNotFoundError:
    # On Windows no server runs; one that runs elsewhere is used from there.
    CAN_SERVE = False
else:
    CAN_SERVE = True

_POLL_SECONDS = 0.1
_START_SECONDS = 120.0
_STOP_SECONDS = 40.0
_ALIVE_SECONDS = 2.0
_OTHERS_SECONDS = 15.0
"""How long a server that somebody else is just starting may take to appear."""
_LOG_LINES = 5


class StartError(Exception):
    """The server could not be started; the text says why and where its log is."""


class LocalServer:
    """The server on a data folder.

    Args:
        data_dir: The folder.
        tell: Is told what is being waited for.
    """

    def __init__(self, data_dir: Path, tell: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._users: IO[str] | None = None
        self.url = ""
        self.temporary = False
        """Whether the server was started for a call, this one or another, and ends with it."""

    @property
    def own(self) -> bool:
        """Whether this call started the server."""
        return self._process is not None

    @property
    def log_path(self) -> Path:
        """Where a server that a call starts writes its log."""
        return self._data_dir / "logs" / "transcribe.log"

    async def open(self) -> None:
        """Find the server or start one; also after it has gone away.

        Raises:
            StartError: There is none, and none could be started.
        """
        if not CAN_SERVE:
            raise StartError("No server runs on this system. Name one elsewhere with --server URL.")
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with self._starting():
            if self._process is not None and self._process.poll() is not None:
                self._process = None
            if self._users is None:
                self._users = (self._data_dir / "transcribe.users").open("a+")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            found = await self._find()
            if not found:
                await self._start(self._users)

    async def close(self) -> None:
        """Let go of the server; stop it if it is ours, once nobody else uses it."""
        told = False
        while self._process is not None:
            async with self._starting():
                if self._unused():
                    self.stop_now()
                    break
            if not told:
                self._tell("another call still uses the server that this one started: waiting")
                told = True
            await asyncio.sleep(_POLL_SECONDS * 5)
        if self._users is not None:
            self._users.close()
            self._users = None

    def stop_now(self) -> None:
        """Stop the server if it is ours, whoever uses it, and leave nothing of it running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._tell("the server doesn't stop: killing it")
        finally:
            if process.stdin is not None:
                process.stdin.close()
            # It leads a session of its own: whatever it left behind is in its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextlib.asynccontextmanager
    async def _starting(self) -> AsyncIterator[None]:
        with (self._data_dir / "transcribe.start").open("a") as file:
            while True:
                if _try_lock(file):
                    break
                await asyncio.sleep(_POLL_SECONDS)
            yield

    def _unused(self) -> bool:
        """Tell whether nobody else uses the server; new users wait for `transcribe.start`."""
        if self._users is None:
            return True
        fcntl.flock(self._users, fcntl.LOCK_UN)
        if _try_lock(self._users):
            return True
        fcntl.flock(self._users, fcntl.LOCK_SH)
        return False

    async def _find(self) -> bool:
        address = self._address()
        if address is None:
            return False
        url, pid = address
        api = Api(url)
        try:
            if not await api.alive(_ALIVE_SECONDS):
                return False
        finally:
            await api.close()
        self.url = url
        self.temporary = pid == self._owned_pid()
        return True

    def _address(self) -> tuple[str, int] | None:
        return server_on(self._data_dir)

    def _owned_pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int((self._data_dir / "transcribe.users").read_text(encoding="utf-8"))
        return None

    async def _start(self, users: IO[str]) -> None:
        self._tell("starting a server for this call")
        self._process = process = self._launch()
        users.truncate(0)
        users.write(str(process.pid))
        users.flush()
        end = time.monotonic() + _START_SECONDS
        while not ((address := self._address()) and address[1] == process.pid):
            if process.poll() is not None:
                await self._find_other(process.returncode)
                return
            if time.monotonic() > end:
                self.stop_now()
                raise StartError(
                    f"The server did not start within {_START_SECONDS:.0f} s. "
                    f"Its log is in {self.log_path}."
                )
            await asyncio.sleep(_POLL_SECONDS)
        self.url, self.temporary = address[0], True

    def _launch(self) -> subprocess.Popen[bytes]:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        # The pipe and the process id let the server end with this process, however that ends.
        bound = ["--die-with", str(os.getpid())]
        arguments = ["serve", "--port", "0", "--data-dir", str(self._data_dir)]
        with self.log_path.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "dalston", *bound, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def _find_other(self, status: int) -> None:
        """Our server has ended: most often somebody else is just starting one here."""
        self._process = None
        end = time.monotonic() + (_OTHERS_SECONDS if self._folder_in_use() else 0)
        while not await self._find():
            if time.monotonic() > end:
                text = self.log_path.read_text(encoding="utf-8", errors="replace")
                last = "\n".join(text.splitlines()[-_LOG_LINES:])
                raise StartError(
                    f"The server could not start (exit status {status}). The end of its log "
                    f"{self.log_path}:\n{last}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    def _folder_in_use(self) -> bool:
        """Tell whether a server, or what is left of one, holds the data folder."""
        try:
            with (self._data_dir / "lock").open() as file:
                return not _try_lock(file, shared=True)
        except OSError:
            return False


def _try_lock(file: IO[str], *, shared: bool = False) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
