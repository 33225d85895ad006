"""A TCP line to a part that can be slow, reset, cut in the middle or swallow everything."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LINGER = struct.pack("ii", 1, 0)
"""A socket that is closed with this answers with a reset."""
_READ_BYTES = 65536


class Proxy:
    """Passes on what comes to a port of its own, in a thread, as long as nothing else is wanted.

    Args:
        port: Of the part.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._lines: set[asyncio.StreamWriter] = set()
        self._delay = 0.0
        self._most_bytes: int | None = None
        self._swallows = self._refuses = False
        self.port = 0
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def mend(self) -> None:
        """Pass on everything again; lines that swallowed something are reset."""
        swallowed = self._swallows
        self._delay, self._most_bytes = 0.0, None
        self._swallows = self._refuses = False
        if swallowed:
            self._call(self._reset_all)

    def delay(self, seconds: float) -> None:
        """Pass on each piece so much later."""
        self._delay = seconds

    def reset(self) -> None:
        """Reset all lines, and each new one."""
        self._refuses = True
        self._call(self._reset_all)

    def cut_after(self, most_bytes: int) -> None:
        """Reset each new line when so many bytes have gone to the part."""
        self._most_bytes = most_bytes
        self._call(self._reset_all)

    def swallow(self) -> None:
        """Take everything and pass on nothing: a black hole."""
        self._swallows = True

    def close(self) -> None:
        """Stop for good."""
        self._call(self._reset_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _call(self, what: object) -> None:
        done = threading.Event()

        def do() -> None:
            assert callable(what)
            what()
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._lines.add(back)
        if self._refuses:
            self._reset(back)
            return
        try:
            far, out = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._reset(back)
            return
        self._lines.add(out)
        there = self._pass_on(near, out, self._most_bytes)
        await asyncio.gather(there, self._pass_on(far, back, None))
        self._lines -= {back, out}

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, most: int | None
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await source.read(_READ_BYTES):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if self._swallows:
                    continue
                if most is not None and passed + len(data) > most:
                    sink.write(data[: most - passed])
                    await sink.drain()
                    self._reset_all()
                    return
                passed += len(data)
                sink.write(data)
                await sink.drain()
        with contextlib.suppress(OSError):
            sink.close()

    def _reset_all(self) -> None:
        for line in list(self._lines):
            self._reset(line)

    def _reset(self, line: asyncio.StreamWriter) -> None:
        self._lines.discard(line)
        own: socket.socket | None = line.get_extra_info("socket")
        with contextlib.suppress(OSError):
            if own is not None:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        line.transport.abort()


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Open a line to a port of this machine."""
    line = Proxy(port)
    try:
        yield line
    finally:
        line.close()
