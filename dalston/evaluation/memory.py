"""How much memory the engines of a server on this machine take. Linux tells; others don't."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path, PurePath

from dalston.evaluation.results import Memory

_PROCESSES = Path("/proc")
_ENGINE_MODULE = "dalston.engine_sdk.child"
_SAMPLE_SECONDS = 0.5
_KILOBYTE = 1024


class MemoryMeter:
    """Watches the engines below a server's process.

    The most that each took is the kernel's own figure (`VmHWM`), so it is missed only of a process
    that begins and ends between two looks. Resident memory counts a model's file too where a
    process has it mapped.

    Args:
        server: The server's process id.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._highest: dict[str, int] = {}
        self._together = 0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look twice a second, until the end of the context."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            self.look()

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_SAMPLE_SECONDS)

    def look(self) -> None:
        """Look once."""
        together = 0
        for process in _below(self._server):
            engine, status = _engine(process), _status(process)
            if engine is None or "VmHWM" not in status:
                continue
            self._highest[engine] = max(self._highest.get(engine, 0), status["VmHWM"])
            together += status["VmRSS"]
        self._together = max(self._together, together)

    def most(self, engines: set[str]) -> Memory | None:
        """Return the most that was seen of these engines; None if nothing can be seen here."""
        if not self._highest:
            return None
        kept = {name: size for name, size in sorted(self._highest.items()) if name in engines}
        return Memory(kept, self._together)


def _below(process: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children = defaultdict(list)
    for entry in _PROCESSES.glob("[0-9]*"):
        parent = _status(int(entry.name)).get("PPid")
        if parent is not None:
            children[parent].append(int(entry.name))
    found: list[int] = []
    waiting = [process]
    while waiting:
        found.append(waiting.pop())
        waiting += children[found[-1]]
    return found


def _status(process: int) -> dict[str, int]:
    """Return the parent's id and the memory in bytes; nothing of a process that has gone."""
    try:
        lines = (_PROCESSES / str(process) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    cells = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    sizes: dict[str, int] = {
        n: int(cells[n][0]) * _KILOBYTE for n in ("VmHWM", "VmRSS") if n in cells
    }
    return {"PPid": int(cells["PPid"][0]), **sizes}


def _engine(process: int) -> str | None:
    """Return the id of the engine whose child a process is: the name of the engine's folder."""
    try:
        command = (_PROCESSES / str(process) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    words = [word.decode(errors="replace") for word in command]
    if _ENGINE_MODULE not in words[:-1]:
        return None
    return PurePath(words[words.index(_ENGINE_MODULE) + 1]).name
