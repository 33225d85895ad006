"""Finds the links of a chained Ogg file (RFC 3533, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

_CAPTURE = b"OggS\0"
"""What each page begins with, its version included."""
_HEADER_BYTES = 27
_POSITION = slice(6, 14)
"""Where in a header is how much sound there was at the page's end."""
_SERIAL = slice(14, 18)
"""Where is which stream it belongs to."""
_NO_SOUND_YET = (bytes(8), b"\xff" * 8)
_BEGINS = 0x02
"""Flag of a page that begins a stream."""
_SEARCH_BYTES = 4096
_MOST_LINKS = 10_000
"""A file with more is made to cost time and memory: it is taken for one link."""


def find_links(file: BinaryIO, file_bytes: int) -> list[tuple[int, int]]:
    """Return where a file's links begin and end, but for those that have nothing but headers.

    Streams that belong together begin one behind the other, before any page of sound. Where one
    begins later than that, all that was before has ended, and what comes has nothing to do with
    it: internet radio does so with each song, and so do files that are put together.

    Args:
        file: Open for reading, seekable, known to be Ogg; is left at its start.
        file_bytes: Size of the whole file.
    """
    starts, sounding, serials = [0], set[int](), set[bytes]()
    in_front = True
    strangers: list[int] = []
    for position, header in _pages(file):
        # A stream begins at zero; what says something else is a damaged page.
        begins = bool(header[5] & _BEGINS) and not any(header[_POSITION])
        if begins and not in_front:
            _part_from(strangers, starts, sounding)
            starts.append(position)
            serials, strangers = set(), []
            if len(starts) > _MOST_LINKS:
                sounding.clear()
                break
        if begins:
            serials.add(header[_SERIAL])
        in_front = begins
        if serials and header[_SERIAL] not in serials:
            strangers = [*strangers[:1], position]
        elif header[_POSITION] not in _NO_SOUND_YET:
            sounding.add(starts[-1])
            strangers = []
    _part_from(strangers, starts, sounding)
    file.seek(0)
    links = [link for link in pairwise([*starts, file_bytes]) if link[0] in sounding]
    return links or [(0, file_bytes)]


def _part_from(strangers: list[int], starts: list[int], sounding: set[int]) -> None:
    """Take pages at a link's end for one of its own if their stream never began.

    Its first page is damaged, and it can't be decoded. A single one is a damaged page itself.
    """
    if len(strangers) > 1 and starts[-1] in sounding:
        starts.append(strangers[0])
    if strangers:
        sounding.add(starts[-1])


def _pages(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give each page's position and header."""
    last, position = -1, 0
    while True:
        file.seek(position)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return
        if header.startswith(_CAPTURE):
            yield position, header
            last = position
            position += _HEADER_BYTES + header[26] + sum(file.read(header[26]))
        else:
            # The page before may be cut off, and the next one begin inside of what it promised.
            last = position = _next_page(file, last + 1)


def _next_page(file: BinaryIO, position: int) -> int:
    """Return where the next page begins behind damage, or the file's end."""
    while True:
        file.seek(position)
        piece = file.read(_SEARCH_BYTES)
        found = piece.find(_CAPTURE)
        if found >= 0:
            return position + found
        if len(piece) < _SEARCH_BYTES:
            return position + len(piece)
        position += len(piece) - len(_CAPTURE) + 1
