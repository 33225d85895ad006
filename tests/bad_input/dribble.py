"""A client that takes its time."""

from __future__ import annotations

import threading

from tests.bad_input.wire import Answer, Wire, head
from tests.support.stack import TRANSCRIPTIONS


class Dribble:
    """A client that sends one byte of a head every now and then, on a thread of its own."""

    _PAUSE_SECONDS = 0.5

    def __init__(self, url: str) -> None:
        self._wire = Wire(url, seconds=self._PAUSE_SECONDS)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stopped = threading.Event()
        self._answer: Answer | None = None
        self._thread.start()

    def wait(self, seconds: float) -> Answer | None:
        """Wait until it is answered."""
        self._thread.join(seconds)
        return self._answer

    def stop(self) -> None:
        """Go away."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with self._wire:
            for byte in head(TRANSCRIPTIONS, "X-Slow: " + 200 * "x"):
                if self._stopped.is_set():
                    return
                self._wire.send(bytes([byte]))
                try:
                    self._answer = self._wire.answer()
                except TimeoutError:
                    continue
                return
