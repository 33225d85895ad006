"""Transcripts as they are stored: whole, or in pieces if they are of many hours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from dalston.common.storage import ObjectStore
from dalston.common.transcript import LONG_BYTES

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""All that is done with most of a transcript is to pass it on."""
_SEGMENTS = b',"segments":['


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
    if not in_pieces:
        return Stored(_FIELDS.decode(await store.get(path)))
    coming = store.stream(path)
    start = bytearray()
    searched = 0
    async for piece in coming:
        start += piece
        while len(start) > LONG_BYTES and (mark := start.find(_SEGMENTS, searched)) >= 0:
            searched = mark + 1
            fields = _fields_before(start, mark)
            if fields is not None:
                return Stored(fields, _rest(bytes(start[mark + len(_SEGMENTS) - 1 :]), coming))
        if len(start) > LONG_BYTES:
            searched = max(searched, len(start) - len(_SEGMENTS))
    return Stored(_FIELDS.decode(bytes(start)))


def _fields_before(start: bytearray, mark: int) -> dict[str, msgspec.Raw] | None:
    """Return the fields before some segments, if these are the transcript's own."""
    try:
        return _FIELDS.decode(bytes(start[:mark]) + b"}")
    except msgspec.DecodeError:
        # Something inside of a field is called so too.
        return None


async def _rest(first: bytes, coming: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(coming):
        yield first
        async for piece in coming:
            yield piece
