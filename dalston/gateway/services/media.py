"""Which extension a recording is stored under: one of a fixed list, never the client's text."""

from __future__ import annotations

from pathlib import PurePosixPath

_EXTENSIONS = frozenset(
    {"aac", "ac3", "aif", "aiff", "amr", "au", "caf", "flac", "m4a", "m4b", "mka", "mkv", "mov"}
    | {"mp2", "mp3", "mp4", "mpeg", "mpg", "mpga", "oga", "ogg", "ogv", "opus", "spx", "ts"}
    | {"wav", "weba", "webm", "wma", "wmv"}
)
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


def stored_extension(filename: str, content_type: str) -> str:
    """Return the extension for the object, without a dot; `bin` if nothing is known.

    The content decides how a recording is decoded; the extension is for people.

    Args:
        filename: The client's, cleaned.
        content_type: The client's, of the part.
    """
    suffix = PurePosixPath(filename).suffix.removeprefix(".").lower()
    if suffix in _EXTENSIONS:
        return suffix
    return _BY_CONTENT_TYPE.get(content_type.partition(";")[0].strip().lower(), UNKNOWN)
