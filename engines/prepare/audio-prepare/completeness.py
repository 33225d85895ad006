"""Tells whether a recording ends before its declared end, where a file says that reliably."""

from __future__ import annotations

import math

from media import Media, Part

_EXACT_DURATION = frozenset({"flac", "aiff", "au", "tta", "wv", "ape", "mpc", "mpc8", "nistsphere"})
"""Formats whose header counts the samples, and FFmpeg reports that count as it is."""

_OFF = (0.25, 0.02)
_OFF_IF_DAMAGED = (1.0, 0.1)
"""Seconds, and share of the whole, by which a declared duration may be longer than the decoded
one, because of padding and rounding, or because some of the sound is lost."""

_OGG_PAGE_HEADER_BYTES = 27
_OGG_LARGEST_PAGE = 65_307
"""Bytes (RFC 3533, section 6)."""


def declared_seconds(media: Media) -> float | None:
    """Return the duration that the file declares, if that is to be relied on.

    One in which several recordings lie declares that of the first.
    """
    if media.part_count > 1:
        return None
    return _declared_seconds(media, counts_frames=media.counts_frames)


def _declared_seconds(source: Media | Part, *, counts_frames: bool) -> float | None:
    stream, container = source.stream, source.container
    if container.format.name == "matroska,webm":
        ends = _clock_seconds(stream.metadata.get("DURATION", ""))
        if ends is None and len(container.streams) == 1 and container.duration:
            ends = container.duration / 1_000_000
        # FFmpeg writes the time of the end there, and not every recording begins at zero.
        length = None if ends is None else ends - _start_seconds(source)
        return length if length is None or length > 0 else None
    counted = container.format.name == "mp3" and counts_frames
    if (
        (counted or container.format.name in _EXACT_DURATION)
        and stream.duration
        and stream.time_base
    ):
        return float(stream.duration * stream.time_base)
    return None


def is_cut_off(media: Media, decoded_seconds: float, *, damaged: bool, broken_off: bool) -> bool:
    """Tell whether the end is missing; to be asked after all was decoded.

    Args:
        media: The recording.
        decoded_seconds: How much could be decoded.
        damaged: Whether packets in its middle were lost, so that less is decoded than declared.
        broken_off: Whether the last packet was not whole. Alone that proves little: many a
            complete file has something else behind its sound.
    """
    if media.wav is not None:
        return media.wav.missing_bytes > 0
    declared = declared_seconds(media)
    if declared is not None:
        seconds, share = _OFF_IF_DAMAGED if damaged else _OFF
        return declared - decoded_seconds > max(seconds, share * declared)
    name = media.container.format.name
    return (
        broken_off
        or (name == "ogg" and _ends_inside_page(media))
        or (name == "avi" and _riff_beyond_end(media))
        or (name.startswith("mov,") and _index_beyond_end(media, media.file_bytes))
    )


def ends_early(part: Part, seconds: float) -> bool:
    """Tell whether the end of a recording is missing, of which the file has several.

    Args:
        part: The recording; all of it was decoded.
        seconds: How long it turned out to be.
    """
    declared = _declared_seconds(part, counts_frames=False)
    if declared is not None:
        return declared - seconds > max(_OFF[0], _OFF[1] * declared)
    is_iso = part.container.format.name.startswith("mov,")
    return is_iso and _index_beyond_end(part, part.end - part.start)


def _start_seconds(media: Media | Part) -> float:
    """Return where a recording begins on its file's clock: with its sound, or its pictures."""
    stream, container = media.stream, media.container
    pictures = any(other.type == "video" for other in container.streams)
    start = None
    if not pictures and stream.start_time is not None and stream.time_base:
        start = float(stream.start_time * stream.time_base)
    elif container.start_time is not None:
        start = container.start_time / 1_000_000
    return max(0.0, start or 0.0)


def _clock_seconds(text: str) -> float | None:
    """Read `00:01:02.500000000`; what is endless or no number says nothing."""
    try:
        hours, minutes, seconds = text.split(":")
        length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (ValueError, OverflowError):
        return None
    return length if math.isfinite(length) else None


def _ends_inside_page(media: Media) -> bool:
    media.file.seek(max(0, media.file_bytes - 2 * _OGG_LARGEST_PAGE))
    tail = media.file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0 or len(page) < _OGG_PAGE_HEADER_BYTES:
        return True
    segments = page[26]
    body = sum(page[_OGG_PAGE_HEADER_BYTES : _OGG_PAGE_HEADER_BYTES + segments])
    return len(page) < _OGG_PAGE_HEADER_BYTES + segments + body


def _riff_beyond_end(media: Media) -> bool:
    media.file.seek(0)
    size = int.from_bytes(media.file.read(8)[4:], "little")
    return size + 8 > media.file_bytes


def _index_beyond_end(source: Media | Part, size: int) -> bool:
    entries = source.stream.index_entries
    if not len(entries):
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > size
