"""A transcript as plain text, JSON, subtitles or a table: pure functions.

SubRip has no standard; this is what its players agree on. WebVTT is the W3C's
(https://www.w3.org/TR/webvtt1/). Both are UTF-8 with line feeds. The tables are those of
Whisper's own command (TSV, milliseconds) and of RFC 4180 (CSV, seconds).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from dalston.common.subtitles import (
    Rules,
    cues,
    labels_of,
    milliseconds,
    prefixed,
    visible_lines,
)
from dalston.common.transcript import Segment, Transcript
from dalston.common.wording import joined

AnyTranscript = Transcript | Mapping[str, Any]
"""A transcript as a struct, or as the JSON object that the API returns."""


def to_txt(transcript: AnyTranscript) -> str:
    """Return the words alone: one paragraph, or one for each turn when speakers are known."""
    known = _as_struct(transcript)
    labels = labels_of(known)
    if any(segment.speaker for segment in known.segments):
        turns = groupby(known.segments, key=lambda segment: segment.speaker)
        spoken = (joined(map(_one_line, turn)) for _, turn in turns)
        speakers = [who for who, _ in groupby(segment.speaker for segment in known.segments)]
        lines = [prefixed(text, who, labels) for who, text in zip(speakers, spoken, strict=True)]
    else:
        lines = visible_lines(known.text) or [joined(map(_one_line, known.segments))]
    return "".join(f"{line}\n" for line in lines if line)


def to_json(transcript: AnyTranscript) -> str:
    """Return the whole transcript, indented, with every field that it came with."""
    plain = msgspec.to_builtins(transcript) if isinstance(transcript, Transcript) else transcript
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"


def to_srt(transcript: AnyTranscript, rules: Rules | None = None) -> str:
    """Return SubRip subtitles; each segment is one, unless there are rules."""
    blocks = []
    for number, cue in enumerate(cues(_as_struct(transcript), rules), start=1):
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        # Nothing in SubRip can be escaped, and some readers look for the arrow in every line.
        blocks.append(f"{number}\n{times}\n{cue.text.replace('-->', '→')}\n")
    return "\n".join(blocks)


def to_vtt(transcript: AnyTranscript, rules: Rules | None = None) -> str:
    """Return WebVTT subtitles; each segment is one, unless there are rules."""
    blocks = ["WEBVTT\n"]
    for cue in cues(_as_struct(transcript), rules):
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def to_tsv(transcript: AnyTranscript) -> str:
    """Return a line for each segment: start and end in milliseconds, and the text."""
    lines = [
        f"{milliseconds(segment.start)}\t{milliseconds(segment.end)}\t{_one_line(segment)}\n"
        for segment in _as_struct(transcript).segments
    ]
    return "".join(["start\tend\ttext\n", *lines])


def to_csv(transcript: AnyTranscript) -> str:
    """Return a row for each segment; times are seconds, and what isn't known is empty."""
    known = _as_struct(transcript)
    labels = labels_of(known)
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["start", "end", "speaker", "text", "confidence"])
    for segment in known.segments:
        speaker = None if segment.speaker is None else labels.get(segment.speaker, segment.speaker)
        rows.writerow([segment.start, segment.end, speaker, _one_line(segment), segment.confidence])
    return written.getvalue()


FORMATS: dict[str, Callable[[AnyTranscript], str]] = {
    "txt": to_txt,
    "json": to_json,
    "srt": to_srt,
    "vtt": to_vtt,
    "tsv": to_tsv,
    "csv": to_csv,
}
"""The formats by name; the name is the file's extension too."""
SUBTITLES: dict[str, Callable[[AnyTranscript, Rules | None], str]] = {"srt": to_srt, "vtt": to_vtt}
"""Those of them that rules are for."""


def written(transcript: AnyTranscript, name: str, rules: Rules | None = None) -> str:
    """Return a transcript in a format of that name; rules count for subtitles alone.

    Raises:
        ValueError: It is no transcript.
    """
    if name in SUBTITLES:
        return SUBTITLES[name](transcript, rules)
    return FORMATS[name](transcript)


MEDIA_TYPES = {
    "txt": "text/plain",
    "json": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "tsv": "text/tab-separated-values",
    "csv": "text/csv",
}
"""What each of them is, on the wire."""


def _as_struct(transcript: AnyTranscript) -> Transcript:
    """Return the transcript's known fields.

    Raises:
        ValueError: It isn't one; says where.
    """
    if isinstance(transcript, Transcript):
        return transcript
    try:
        return msgspec.convert(transcript, Transcript)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a transcript: {error}") from None


def _one_line(segment: Segment) -> str:
    return " ".join(visible_lines(segment.text))


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"
