"""How much of an object is held in memory for each client that it is being sent to.

A piece stays there until it is taken, and whoever reads says how long that takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MOST_BYTES = 1024 * 1024
LEAST_BYTES = 64 * 1024
_BYTES_OF_ALL = 16 * 1024 * 1024
"""Of the pieces of all readers together, as long as none gets less than the least."""


class Pieces:
    """Counts readers: the more there are, the less is read ahead for each."""

    def __init__(self) -> None:
        self._readers = 0

    @property
    def size(self) -> int:
        """Bytes that are to be read next."""
        return max(LEAST_BYTES, min(MOST_BYTES, _BYTES_OF_ALL // max(1, self._readers)))

    @contextmanager
    def reader(self) -> Iterator[None]:
        """Count one for as long as the context is open."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1


PIECES = Pieces()
"""Those of this process."""
