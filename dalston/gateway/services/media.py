"""What a recording is stored and shown as: one of a fixed list, never the client's text."""

from __future__ import annotations

from pathlib import PurePosixPath

from dalston.common.media import RECORDING_EXTENSIONS

_BY_CONTENT_TYPE = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/flac": "flac",
    "audio/m4a": "m4a",
    "audio/mp3": "mp3",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/vnd.wave": "wav",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/webm": "webm",
    "audio/x-flac": "flac",
    "audio/x-m4a": "m4a",
    "audio/x-wav": "wav",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
}
UNKNOWN = "bin"
_MEDIA_TYPES = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpga": "audio/mpeg",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "spx": "audio/ogg",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
}
"""What browsers play, by the extension."""


def stored_extension(filename: str, content_type: str) -> str:
    """Return the extension for the object, without a dot; `bin` if nothing is known.

    The content decides how a recording is decoded; the extension is for people.

    Args:
        filename: The client's, cleaned.
        content_type: The client's, of the part.
    """
    suffix = PurePosixPath(filename).suffix.removeprefix(".").lower()
    if suffix in RECORDING_EXTENSIONS:
        return suffix
    return _BY_CONTENT_TYPE.get(content_type.partition(";")[0].strip().lower(), UNKNOWN)


def media_type(extension: str) -> str:
    """Return what a recording is sent as; players need it, and nothing else is ever played."""
    return _MEDIA_TYPES.get(extension, "application/octet-stream")
