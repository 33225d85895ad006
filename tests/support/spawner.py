"""Starts processes of `dalston` by forking one that has imported it, in a tenth of the time.

What is forked is a process like any other: it has its own environment, descriptors and exit status,
and can be killed. Only what an interpreter does before `dalston` is called has been done before.

Importing takes most of a second of processor time, and the suite starts more than a thousand
processes.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.deployment import REPOSITORY

MODULE = "dalston"
AVAILABLE = sys.platform == "linux"
_PRELOADED = (
    "dalston.cli",
    "dalston.gateway.main",
    "dalston.orchestrator.main",
    "dalston.engine_sdk.runner",
    "dalston.db.postgresql",
    "dalston.db.sqlite",
    "uvloop",
)
_MESSAGE_BYTES = 128 * 1024
_START_SECONDS = 60.0
_FIRST_FREE = 3
"""The first descriptor behind the standard ones."""


class Spawned:
    """A process that was forked; used as a `subprocess.Popen` is."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self._status: int | None = status
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It took too long.
        """
        if self._status is not None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(MODULE, timeout or 0)
            told = os.read(self._status, 16)
            os.close(self._status)
            self._status = None
            assert told, f"the process that started {self.pid} has ended"
            self._code = int(told)
        assert self._code is not None
        return self._code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Spawner:
    """Asks a process that has everything imported for copies of itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: int, fd: int | None
    ) -> Spawned:
        """Start `dalston` with arguments.

        Args:
            arguments: Of the command line.
            environment: All of its environment.
            output: Descriptor of its standard output and error.
            fd: A descriptor that it has under the same number.
        """
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(Path.cwd()),
            "fd": fd,
        }
        with self._lock:
            if self._socket is None:
                self._socket = self._start()
            passed = [output] if fd is None else [output, fd]
            socket.send_fds(self._socket, [json.dumps(request).encode()], passed)
            try:
                told, [status], _, _ = socket.recv_fds(self._socket, _MESSAGE_BYTES, 1)
            except Exception:
                # A late answer must not be taken for that to the next question.
                self._socket.close()
                self._socket = None
                raise
        return Spawned(json.loads(told), status)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.spawner", str(theirs.fileno())],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        atexit.register(self._close)
        ours.settimeout(_START_SECONDS)
        return ours

    def _close(self) -> None:
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait()


SPAWNER = Spawner()


class _Work(NamedTuple):
    """What a copy is to do."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    fd: int | None


class _Server:
    """Forks when it is asked to, and tells how the copies ended."""

    def __init__(self, descriptor: int) -> None:
        self._requests = socket.socket(fileno=descriptor)
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Ctrl-C is for those who started us, and they close the socket.
        self._on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._statuses: dict[int, int] = {}

    def next_work(self) -> _Work | None:
        """Serve until the socket is closed; in a copy, return what it is to do."""
        while True:
            ready, _, _ = select.select([self._requests.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._requests.fileno() in ready:
                told, descriptors, _, _ = socket.recv_fds(self._requests, _MESSAGE_BYTES, 2)
                if not told:
                    return None
                work = self._fork(_Work(**json.loads(told)), descriptors)
                if work is not None:
                    return work

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                pipe = self._statuses.pop(pid)
                with suppress(BrokenPipeError):
                    os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(pipe)

    def _fork(self, work: _Work, descriptors: Sequence[int]) -> _Work | None:
        theirs, ours = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become(work, descriptors)
            return work
        self._statuses[pid] = ours
        socket.send_fds(self._requests, [json.dumps(pid).encode()], [theirs])
        for descriptor in (theirs, *descriptors):
            os.close(descriptor)
        return None

    def _become(self, work: _Work, descriptors: Sequence[int]) -> None:
        """Have nothing that the one who forks has, and all that the copy should have."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, self._on_interrupt)
        self._requests.detach()
        output, *passed = descriptors
        for standard in (1, 2):
            os.dup2(output, standard)
        for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            if descriptor >= _FIRST_FREE and descriptor not in passed:
                with suppress(OSError):
                    os.close(descriptor)
        if passed and work.fd is not None and passed[0] != work.fd:
            os.dup2(passed[0], work.fd)
            os.close(passed[0])
        if work.fd is not None:
            os.set_inheritable(work.fd, True)  # noqa: FBT003 - the call's own shape
        os.chdir(work.folder)
        os.environ.clear()
        os.environ.update(work.environment)
        time.tzset()


def main() -> None:
    """Serve; a copy runs `dalston` and ends as that does."""
    for name in _PRELOADED:
        importlib.import_module(name)
    # A copy has only the thread that forks, and must not miss another one.
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    gc.collect()
    gc.freeze()
    work = _Server(int(sys.argv[1])).next_work()
    if work is not None:
        sys.argv = [MODULE, *work.arguments]
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
