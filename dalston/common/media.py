"""How files with recordings are named."""

from __future__ import annotations

RECORDING_EXTENSIONS = frozenset(
    {"3g2", "3gp", "aac", "ac3", "aif", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dss"}
    | {"flac", "flv", "gsm", "m2ts", "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4"}
    | {"mpeg", "mpg", "mpga", "mts", "oga", "ogg", "ogv", "opus", "qt", "spx", "ts", "tta", "vob"}
    | {"wav", "weba", "webm", "wma", "wmv", "wv"}
)
"""Without a dot, in small letters."""
