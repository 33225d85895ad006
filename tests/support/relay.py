"""A line between a server and one of its parts, which a test may cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Passes on what comes to a port of its own, until it is cut.

    Attributes:
        port: Its own.
        breaks_at: A connection on which this is sent ends there.
        breaks: How many have ended so.
        most_breaks: After how many of them no more do.
        holds_at: Once this is sent, answers are held back until `let_answer`.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self._near: set[socket.socket] = set()
        self._is_cut = False
        self.breaks_at: bytes | None = None
        self.breaks = 0
        self.most_breaks: int | None = None
        self.holds_at: bytes | None = None
        self._may_answer = threading.Event()
        self._may_answer.set()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        self._is_cut = True
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let new connections through again."""
        self._is_cut = False

    def let_answer(self) -> None:
        """Pass on the answers that are held back, and all others."""
        self.holds_at = None
        self._may_answer.set()

    def close(self) -> None:
        """Stop for good."""
        self.cut()
        self.let_answer()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._lines += [near, far]
                self._near.add(near)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._has_to_break(data):
                    self.breaks += 1
                    break
                if self.holds_at is not None and self.holds_at in data:
                    self._may_answer.clear()
                if sink in self._near:
                    self._may_answer.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _has_to_break(self, data: bytes) -> bool:
        if self.breaks_at is None or self.breaks == self.most_breaks:
            return False
        return self.breaks_at in data


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Open a line to a port of this machine."""
    line = Relay(port)
    try:
        yield line
    finally:
        line.close()
