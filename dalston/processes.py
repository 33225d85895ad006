"""The processes of a server: how they end, and how they take memory."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
"""Of `mallopt` in glibc's `malloc.h`."""
_MOST_FILES = 65_536
ENDING_SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
"""What ends a command that people run, beside Ctrl-C. Windows lacks the second."""


def use_one_arena() -> None:
    """Have the C library keep one pool of memory instead of one for each thread or two.

    Threads that carry recordings to the store would each keep what the largest of them took. Call
    it before they are there. Other C libraries than glibc have no such pools.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform == "linux" and mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def is_alive(process_id: int) -> bool:
    """Tell whether there is a process of this number, whoever's it is."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def user_called(number: int) -> str:
    """Return the name of a user, or its number if it has none, as `sudo -u` takes it."""
    return _name_of(number) or f"#{number}"


def has_account(number: int) -> bool:
    """Tell whether this machine knows a user of this number."""
    return _name_of(number) is not None


def _name_of(number: int) -> str | None:
    import pwd  # noqa: PLC0415 - Windows has none, as below

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends.

    Linux kills it at once; elsewhere the end of standard input, a pipe from the parent, does.

    Args:
        parent: Process id of the parent that this process was started by.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch_input, daemon=True).start()


def _watch_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


def allow_many_files() -> None:
    """Raise the number of files and connections that this process may have open, as far as it may.

    The usual 1024 are fewer than the connections that clients keep open.
    """
    import resource  # noqa: PLC0415 - Windows has none; commands that ask a server run there too

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def give_up_output() -> None:
    """Send to nowhere what is still to reach standard output, which can't be written any more.

    Python would complain once more when it closes the stream.
    """
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def on_signals(numbers: Iterable[int], stop: Callable[[int], None]) -> None:
    """Call a function with the number of a signal that comes, in the running loop.

    A signal that is ignored already, as `nohup` has it for its program, stays ignored.
    """
    loop = asyncio.get_running_loop()
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            # Windows' loop has no such handlers; there a signal ends the process at once.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, number)


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call a function on SIGTERM and on Ctrl-C, in the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
