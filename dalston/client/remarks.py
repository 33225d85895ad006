"""What is said of a transcript beside its text: where it may be wrong, and whom it doesn't name.

Text and subtitles have no place for it, and of a server that is stopped afterwards nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dalston.client.progress import printable_name
from dalston.common.wording import counted

_MOST = 20
"""Warnings that are told of one file: of a long recording there may be hundreds."""
_MINUTE, _HOUR = 60, 3600


def warnings_of(transcript: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each warning of a transcript, with its place in the recording.

    Args:
        transcript: As the API returns it.
    """
    metadata = transcript.get("metadata")
    told = metadata.get("warnings") if isinstance(metadata, dict) else None
    found = [one for one in told or () if isinstance(one, dict)] if isinstance(told, list) else []
    for warning in found[:_MOST]:
        message = printable_name(str(warning.get("message", "")))
        code = printable_name(str(warning.get("code") or "no code"))
        yield f"warning{_place(warning)}: {message} [{code}]"
    if len(found) > _MOST:
        yield f"{counted(len(found) - _MOST, 'more warning')}: --format json writes all of them"


def names_nobody(transcript: Mapping[str, Any]) -> bool:
    """Tell whether a transcript has text, and nobody is known who says it."""
    segments = transcript.get("segments")
    return bool(segments) and not any(one.get("speaker") for one in segments or ())


def _place(warning: Mapping[str, Any]) -> str:
    """Return where a warning is about, if that is a place."""
    times = [warning.get(name) for name in ("start", "end")]
    if not all(isinstance(time, int | float) for time in times):
        return ""
    start, end = (_clock(float(time or 0)) for time in times)
    channel = warning.get("channel")
    return f" at {start} to {end}" + ("" if channel is None else f", channel {channel}")


def _clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
