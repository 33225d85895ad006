"""How files with recordings are named."""

from __future__ import annotations

RECORDING_EXTENSIONS = frozenset(
    {"aac", "ac3", "aif", "aiff", "amr", "au", "caf", "flac", "m4a", "m4b", "mka", "mkv", "mov"}
    | {"mp2", "mp3", "mp4", "mpeg", "mpg", "mpga", "oga", "ogg", "ogv", "opus", "spx", "ts"}
    | {"wav", "weba", "webm", "wma", "wmv"}
)
"""Without a dot, in small letters."""
