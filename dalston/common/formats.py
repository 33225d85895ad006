"""A transcript as plain text, JSON, SubRip or WebVTT: pure functions, all of one signature.

SubRip has no standard; this is what its players agree on. WebVTT is the W3C's
(https://www.w3.org/TR/webvtt1/). Both are UTF-8 with line feeds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any

import msgspec

from dalston.common.transcript import Segment, Transcript

AnyTranscript = Transcript | Mapping[str, Any]
"""A transcript as a struct, or as the JSON object that the API returns."""

_SMALL_OVERLAP = 100
"""Milliseconds by which rough times may make two cues overlap; more is two people talking."""


class Cue(msgspec.Struct, frozen=True):
    """What stands on the screen from one moment to another, in milliseconds."""

    start: int
    end: int
    text: str


def to_txt(transcript: AnyTranscript) -> str:
    """Return the words alone: one paragraph, or one for each turn when speakers are known."""
    known = _as_struct(transcript)
    labels = _labels(known)
    if any(segment.speaker for segment in known.segments):
        turns = groupby(known.segments, key=lambda segment: segment.speaker)
        spoken = (" ".join(filter(None, map(_one_line, turn))) for _, turn in turns)
        speakers = [who for who, _ in groupby(segment.speaker for segment in known.segments)]
        lines = [_prefixed(text, who, labels) for who, text in zip(speakers, spoken, strict=True)]
    else:
        words = known.text.strip() or " ".join(map(_one_line, known.segments))
        lines = [words.strip()]
    return "".join(f"{line}\n" for line in lines if line)


def to_json(transcript: AnyTranscript) -> str:
    """Return the whole transcript, indented, with every field that it came with."""
    plain = msgspec.to_builtins(transcript) if isinstance(transcript, Transcript) else transcript
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"


def to_srt(transcript: AnyTranscript) -> str:
    """Return SubRip subtitles."""
    blocks = []
    for number, cue in enumerate(_cues(_as_struct(transcript)), start=1):
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        # Nothing in SubRip can be escaped, and some readers look for the arrow in every line.
        blocks.append(f"{number}\n{times}\n{cue.text.replace('-->', '→')}\n")
    return "\n".join(blocks)


def to_vtt(transcript: AnyTranscript) -> str:
    """Return WebVTT subtitles."""
    blocks = ["WEBVTT\n"]
    for cue in _cues(_as_struct(transcript)):
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


FORMATS: dict[str, Callable[[AnyTranscript], str]] = {
    "txt": to_txt,
    "json": to_json,
    "srt": to_srt,
    "vtt": to_vtt,
}
"""The formats by name; the name is the file's extension too."""


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


def _labels(transcript: Transcript) -> dict[str, str]:
    return {speaker.id: speaker.label for speaker in transcript.speakers}


def _prefixed(text: str, speaker: str | None, labels: Mapping[str, str]) -> str:
    if not text or not speaker:
        return text
    return f"{' '.join(_lines(labels.get(speaker) or speaker))}: {text}"


def _lines(text: str) -> list[str]:
    """Return the lines that show something, without control characters."""
    visible = (
        "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in line).strip()
        for line in text.splitlines()
    )
    return [line for line in visible if line]


def _one_line(segment: Segment) -> str:
    return " ".join(_lines(segment.text))


def _cues(transcript: Transcript) -> Iterator[Cue]:
    """Yield what to show in order: never empty, each ending after it starts."""
    labels = _labels(transcript)
    shown = [
        Cue(
            _milliseconds(segment.start),
            _milliseconds(segment.end),
            _prefixed("\n".join(_lines(segment.text)), segment.speaker, labels),
        )
        for segment in transcript.segments
    ]
    ordered = sorted((cue for cue in shown if cue.text), key=lambda cue: cue.start)
    beyond_all = Cue(ordered[-1].end, 0, "") if ordered else Cue(0, 0, "")
    for cue, following in pairwise([*ordered, beyond_all]):
        overlap = cue.end - following.start
        end = following.start if 0 < overlap <= _SMALL_OVERLAP else cue.end
        yield Cue(cue.start, max(end, cue.start + 1), cue.text)


def _milliseconds(seconds: float) -> int:
    """Round before splitting into units, so that no unit is ever full."""
    return round(max(seconds, 0.0) * 1000)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"
