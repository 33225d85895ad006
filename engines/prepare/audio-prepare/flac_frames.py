"""Reads where a FLAC frame belongs (RFC 9639, section 9.1)."""

from __future__ import annotations

_SYNC = 0b111111111111100
_CODED_NUMBER = 4
"""Where in a frame its number begins."""
_LONGEST_NUMBER = 7
_BLOCK_SIZE = slice(2, 4)
"""Where in the description of a stream its largest block size is."""


def first_sample(frame: bytes, stream_info: bytes) -> int | None:
    """Return how many samples of each channel the stream has in front of a frame.

    Args:
        frame: A whole frame, or its beginning.
        stream_info: The stream's description, as FFmpeg gives it for the codec.
    """
    head = frame[: _CODED_NUMBER + _LONGEST_NUMBER]
    if len(head) <= _CODED_NUMBER or int.from_bytes(head[:2], "big") >> 1 != _SYNC:
        return None
    number = _coded_number(head[_CODED_NUMBER:])
    if number is None:
        return None
    counts_samples = head[1] & 1
    return number if counts_samples else number * int.from_bytes(stream_info[_BLOCK_SIZE], "big")


def _coded_number(coded: bytes) -> int | None:
    """Read a number that is written as UTF-8 writes a letter's, of up to 36 bits."""
    first = coded[0]
    length = 8 - (~first & 0xFF).bit_length()
    if not length:
        return first
    rest = coded[1:length]
    if length == 1 or len(rest) < length - 1 or any(byte & 0xC0 != 0x80 for byte in rest):  # noqa: PLR2004 - the marks of UTF-8
        return None
    number = first & 0x7F >> length
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number
