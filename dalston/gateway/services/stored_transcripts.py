"""Transcripts as they are stored: whole, or in pieces if they are of many hours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

import msgspec

from dalston.common.storage import ObjectStore
from dalston.common.transcript import LONG_BYTES, SEGMENTS_LINE
from dalston.gateway.services.pieces import PIECES

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""All that is done with most of a transcript is to pass it on."""
_MOST_BYTES = 64 * 1024 * 1024
"""In front of the segments; what has more there is read whole."""


class Stored(NamedTuple):
    """A transcript.

    Attributes:
        fields: Its fields as JSON; those before its segments, if there are pieces; None if there
            is no transcript.
        pieces: The rest of it, as JSON: its segments, and behind them the object's end.
    """

    fields: dict[str, msgspec.Raw] | None
    pieces: AsyncGenerator[bytes] | None = None


async def stored(
    store: ObjectStore, path: str | None, text: str | None, *, in_pieces: bool = False
) -> Stored:
    """Read a transcript.

    Args:
        store: Where its object is.
        path: The object's path, if there is one.
        text: All of it, if it is short and stands in a row.
        in_pieces: Whether a long one is passed on as it is read, and never held as a whole.

    Raises:
        ObjectMissingError: It isn't there.
        StoreUnavailableError: The store does not answer.
    """
    if text is not None:
        return Stored(_FIELDS.decode(text))
    if path is None:
        return Stored(None)
    if in_pieces:
        size = await store.size(path)
        found = await _opened(store, path, size) if size > LONG_BYTES else None
        if found is not None:
            return found
    return Stored(_FIELDS.decode(await store.get(path)))


async def _opened(store: ObjectStore, path: str, size: int) -> Stored | None:
    """Read a transcript up to its segments, if these have a line of their own (`layout`)."""
    start = bytearray()
    while len(start) < min(size, _MOST_BYTES):
        searched = len(start)
        start += await _piece(store, path, searched, size)
        line = start.find(b"\n", searched)
        if line >= 0:
            # A line that begins at the very end of a piece is looked at with the next one.
            while len(start) < min(size, line + len(SEGMENTS_LINE)):
                start += await _piece(store, path, len(start), size)
            if not start.startswith(SEGMENTS_LINE, line):
                return None
            fields = _FIELDS.decode(bytes(start[:line]).removesuffix(b",") + b"}")
            rest = bytes(start[line + len(SEGMENTS_LINE) - 1 :])
            return Stored(fields, _pieces(store, path, rest, len(start), size))
    return None


async def _pieces(
    store: ObjectStore, path: str, first: bytes, place: int, size: int
) -> AsyncGenerator[bytes]:
    yield first
    # Each with a request of its own: a store doesn't wait as long as a slow client takes.
    with PIECES.reader():
        while place < size:
            piece = await _piece(store, path, place, size)
            yield piece
            place += len(piece)


async def _piece(store: ObjectStore, path: str, place: int, size: int) -> bytes:
    return await store.get_range(path, place, min(PIECES.size, size - place))
