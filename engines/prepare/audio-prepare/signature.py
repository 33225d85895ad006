"""Tells from a file's first bytes what it is, whatever its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

Kind = Literal["media", "playlist", "foreign", "empty"]

_HEAD_BYTES = 64 * 1024
_TEXT_BYTES = 4096
_ID3_HEADER_BYTES = 10
_MOST_TAGS = 64

_FOREIGN = (
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (0, b"{\\rtf", "a text document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF87a", "a GIF image"),
    (0, b"GIF89a", "a GIF image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"SQLite format 3\x00", "a database"),
)
"""Offset, bytes and description of formats that hold no sound."""

_IMAGE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
"""Brands of image files in the ISO base media format (ISO/IEC 14496-12, `ftyp`)."""

_PLAYLIST = re.compile(
    rb"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"(?:#extm3u|#\s*ffconcat|ffconcat|\[playlist\]|\[reference\]|rtsptext|smptext"
    rb"|<asx|<smil|<\?wpl|<playlist|<mpd|<smoothstreamingmedia|<manifest|<compositionplaylist"
    rb"|v=0\s*\r?\n\s*o=|(?:file|https?|ftp|rtsps?|rtmp|mms|concat|data):[^\s]*\s)"
    rb"|<mpd[\s>]|#ext-x-|<compositionplaylist|(?:^|\n)\s*ffconcat\s+version",
    re.DOTALL,
)
"""Starts of text files that name other files or addresses to play, in lower case."""

_FRAME_COUNTS = (b"Xing", b"Info", b"VBRI")
_FRAME_COUNT_WITHIN = 256
"""Tags in the first MPEG audio frame (made by Xing, LAME and Fraunhofer encoders), and in how
many bytes from the frame's start they are found."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

_ISO_NAMES = {b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a", b"3gp": "3gp", b"3g2": "3gp"}


@dataclass(frozen=True)
class Signature:
    """What a file is.

    Attributes:
        kind: `media` if it may hold sound, `playlist` if it names other files, `foreign` if it
            is surely something else, `empty` if there is nothing.
        name: For `media` the container if the first bytes say so, else empty; for the others a
            description for people.
        counts_frames: Whether the first frame of MPEG audio tells how many there are.
    """

    kind: Kind
    name: str
    counts_frames: bool = False


def read_signature(file: BinaryIO) -> Signature:
    """Tell what a file is from its first bytes; leaves the file at its start.

    Args:
        file: Open for reading, seekable.
    """
    head = _head_behind_tags(file)
    file.seek(0)
    if not head:
        return Signature("empty", "a file without content")
    for offset, magic, description in _FOREIGN:
        if head.startswith(magic, offset):
            return Signature("foreign", description)
    if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS:
        return Signature("foreign", "an image")
    text = _as_text(head[:_TEXT_BYTES])
    if text is None:
        counts_frames = any(tag in head[:_FRAME_COUNT_WITHIN] for tag in _FRAME_COUNTS)
        return Signature("media", _container(head), counts_frames)
    if _PLAYLIST.search(text.lower()):
        return Signature("playlist", "a playlist")
    return Signature("foreign", "text")


def _head_behind_tags(file: BinaryIO) -> bytes:
    """Read what follows any ID3v2 tags (https://id3.org/id3v2.4.0-structure, section 3.1).

    What has more of them than any recording has nothing else, as far as anybody will look.
    """
    position = 0
    for _ in range(_MOST_TAGS):
        file.seek(position)
        head = file.read(_HEAD_BYTES)
        if not head.startswith(b"ID3") or len(head) < _ID3_HEADER_BYTES:
            return head
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        footer = _ID3_HEADER_BYTES if head[5] & 0x10 else 0
        position += _ID3_HEADER_BYTES + size + footer
    return b""


def _as_text(head: bytes) -> bytes | None:
    """Return the bytes as UTF-8 if they are text, else None."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            # Two bytes are no proof: MPEG audio may begin with them as well.
            decoded = head[2:].decode(encoding, errors="ignore").encode()
            return None if _CONTROL.search(decoded) else decoded
    head = head.removeprefix(b"\xef\xbb\xbf")
    return None if _CONTROL.search(head) else head


def _container(head: bytes) -> str:
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "matroska"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return _ISO_NAMES.get(brand) or _ISO_NAMES.get(brand[:3]) or "mp4"
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    return "ogg" if head.startswith(b"OggS") else ""
