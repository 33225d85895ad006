"""Finds the recordings of a file in which several lie, one behind the other.

FFmpeg reads on behind the end of the first one in few formats, and not all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import BinaryIO

import ogg_links

Places = list[tuple[int, int]]
"""Where each recording begins and ends."""

_MOST_FILES = 10_000
"""A file with more is made to cost time and memory: it is taken for one recording."""

_TAGS_BYTES = 4096
"""How much may lie between a file's sound and the next file."""

_MOST_BOXES = 1_000_000
"""Boxes to look at: a day of live video has fewer, and more are made to cost time."""
_BOX_HEADER = 16
_SMALLEST_BOX = 8
_HEAD_BYTES = 64 * 1024
"""Of a box that is looked into; the heads of recordings in fragments are small."""
_TIME = b"tfdt"
_SIZE_FOLLOWS = 1
"""In place of a box's size: it is a larger number, behind the name."""

_WAVPACK = b"wvpk"

_MATROSKA = b"\x1a\x45\xdf\xa3"
"""What each file begins with (RFC 8794, section 11.2.1)."""
_MATROSKA_HEADER = re.compile(
    re.escape(_MATROSKA) + rb".{1,80}?\x42\x82[\x80-\xff](?:webm|matroska)", re.DOTALL
)
_SEGMENT = b"\x18\x53\x80\x67"
_MATROSKA_HEADER_BYTES = 256
_UNKNOWN_SIZE = {(1 << 7 * length) - 1: length for length in range(1, 9)}
_SEARCH_BYTES = 1024 * 1024


def find_recordings(file: BinaryIO, file_bytes: int, container: str) -> Places:
    """Return where the recordings of a file begin and end.

    Args:
        file: Open for reading, seekable; is left at its start.
        file_bytes: Size of the whole file.
        container: What its first bytes say that it is, by the name of `signature`.
    """
    if container == "ogg":
        return ogg_links.find_links(file, file_bytes)
    walk = _WALKS.get(container)
    starts = [0]
    for position in walk(file, file_bytes) if walk else ():
        starts.append(position)
        if len(starts) > _MOST_FILES:
            starts = [0]
            break
    file.seek(0)
    return list(pairwise([*starts, file_bytes]))


def another_begins(file: BinaryIO, position: int) -> bool:
    """Tell whether another file of the same kind begins where one ends.

    Args:
        file: Open for reading, seekable; is left where it stands.
        position: The end of the last packet that FFmpeg found.
    """
    stands = file.tell()
    file.seek(0)
    kind, _, kind_too, _, place = (file.read(4) for _ in range(5))
    file.seek(position)
    behind = file.read(_TAGS_BYTES)
    file.seek(stands)
    same = re.escape(kind) + rb".{4}" + re.escape(kind_too)
    if kind == _WAVPACK:
        # Each of its blocks begins so, and says where it belongs.
        same += rb".{4}" + re.escape(place)
    return re.search(same, behind, re.DOTALL) is not None


def _iso_files(file: BinaryIO, file_bytes: int) -> Iterator[int]:
    """Give where a file begins behind another one (ISO/IEC 14496-12: `ftyp` is its first box).

    Not where one goes on that was sent in segments: each of them may begin so too, or with all
    that is needed to begin there.
    """
    has_content, begins = False, None
    head = next_head = b""
    for position, name, size in _boxes(file, file_bytes):
        if name == b"ftyp" and has_content and begins is None:
            begins, next_head = position, b""
        elif name == b"moov":
            next_head = _content(file, position, size)
            head = head if begins is not None else next_head
        elif begins is not None and name == b"moof" and _goes_on(file, position, head, next_head):
            begins = None
        elif begins is not None and name in (b"moof", b"mdat"):
            yield begins
            begins, head = None, next_head
        has_content |= name in (b"moov", b"mdat")
    if begins is not None:
        yield begins


def _boxes(file: BinaryIO, file_bytes: int) -> Iterator[tuple[int, bytes, int]]:
    """Give place, name and size of each box that is in no other."""
    position = 0
    for _ in range(_MOST_BOXES):
        file.seek(position)
        head = file.read(_BOX_HEADER)
        name, size = head[4:8], int.from_bytes(head[:4], "big")
        if size == _SIZE_FOLLOWS:
            size = int.from_bytes(head[8:], "big")
        yield position, name, size
        position += size
        # Nought means that a box reaches to the end of the file; other small numbers mean nothing.
        if size < _SMALLEST_BOX or position >= file_bytes:
            return


def _content(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(min(size, _HEAD_BYTES))


def _goes_on(file: BinaryIO, position: int, head: bytes, next_head: bytes) -> bool:
    """Tell whether a fragment belongs to what comes before, whatever stands between them.

    Args:
        file: The file.
        position: Where the fragment begins.
        head: The description of the recording that came before.
        next_head: That which stands between them, if there is one.
    """
    if not next_head:
        return True
    if next_head != head:
        return False
    fragment = _content(file, position, _HEAD_BYTES)
    # Its time on the recording's clock: four bytes of version and flags, then four or eight.
    found = fragment.find(_TIME)
    time = fragment[found + 8 : found + (16 if fragment[found + 4 : found + 5] == b"\1" else 12)]
    return found >= 0 and any(time)


def _matroska_files(file: BinaryIO, file_bytes: int) -> Iterator[int]:
    """Give where a file begins behind another one (RFC 8794 and RFC 9559)."""
    position = 0
    while True:
        file.seek(position)
        end = _end_of_segment(file.read(_MATROSKA_HEADER_BYTES))
        complete = end is not None and position + end <= file_bytes
        found = _next_matroska(file, position + (end if complete and end else len(_MATROSKA)))
        if found is None:
            return
        yield found
        position = found


def _end_of_segment(head: bytes) -> int | None:
    """Return how long a file is that begins so, if it says so."""
    start = head.find(_SEGMENT)
    if start < 0:
        return None
    start += len(_SEGMENT)
    length = 9 - head[start : start + 1].rjust(1, b"\0")[0].bit_length()
    size = int.from_bytes(head[start : start + length], "big") & (1 << 7 * length) - 1
    return None if _UNKNOWN_SIZE.get(size) == length else start + length + size


def _next_matroska(file: BinaryIO, position: int) -> int | None:
    """Return where the next file begins from here on."""
    while True:
        file.seek(position)
        piece = file.read(_SEARCH_BYTES)
        found = _MATROSKA_HEADER.search(piece)
        if found is not None:
            return position + found.start()
        if len(piece) < _SEARCH_BYTES:
            return None
        # A header may begin at the end of this piece. No other byte is read twice, however many
        # there are that look like one.
        position += len(piece) - _MATROSKA_HEADER_BYTES


_WALKS: dict[str, Callable[[BinaryIO, int], Iterator[int]]] = {
    **dict.fromkeys(("mp4", "m4a", "mov", "3gp"), _iso_files),
    **dict.fromkeys(("webm", "matroska"), _matroska_files),
}
