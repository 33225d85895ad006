"""A finished transcript as OpenAI's clients read it. Pure.

What the engine doesn't tell is null, never a made-up number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from dalston.common.formats import MEDIA_TYPES, SUBTITLES
from dalston.common.languages import LANGUAGES
from dalston.common.transcript import Segment, Transcript
from dalston.gateway.openai.wishes import DIARIZED, Wish

_ENGLISH = "english"
_FRAMES_PER_SECOND = 100
"""In `seek`: Whisper counts in hundredths of a second."""

Json = dict[str, Any]


def text_body(transcript: Transcript, response_format: str) -> tuple[str, str]:
    """Return the body of a format that is plain text, and its media type."""
    if response_format in SUBTITLES:
        return SUBTITLES[response_format](transcript, None), _typed(response_format)
    return f"{transcript.text}\n", _typed("txt")


def _typed(extension: str) -> str:
    return f"{MEDIA_TYPES[extension]}; charset=utf-8"


def json_body(transcript: Transcript, wish: Wish) -> Json:
    """Return the body of a format that is JSON."""
    if wish.response_format == "verbose_json":
        return _verbose(transcript, wish)
    if wish.response_format == DIARIZED:
        return {
            "task": "transcribe",
            "duration": transcript.duration,
            "text": transcript.text,
            "segments": list(diarized_segments(transcript)),
        } | _usage(transcript)
    body: Json = {"text": transcript.text}
    if transcript.language is not None and not wish.translate:
        body["languages"] = [{"code": transcript.language}]
    return body | _usage(transcript)


def diarized_segments(transcript: Transcript) -> Iterator[Json]:
    """Yield the segments with their speakers: A, B … in the order in which they first speak."""
    known: dict[str, str] = {}
    for number, segment in enumerate(transcript.segments):
        speaker = None
        if segment.speaker is not None:
            speaker = known.setdefault(segment.speaker, letters_of(len(known)))
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "start": segment.start,
            "end": segment.end,
            "speaker": speaker,
            "text": segment.text,
        }


def letters_of(number: int) -> str:
    """Return A to Z, then AA, AB and so on."""
    before, letter = divmod(number, 26)
    return ("" if before == 0 else letters_of(before - 1)) + chr(ord("A") + letter)


def _verbose(transcript: Transcript, wish: Wish) -> Json:
    body: Json = {
        "task": "translate" if wish.translate else "transcribe",
        "language": _ENGLISH if wish.translate else _language_name(transcript.language),
        "duration": transcript.duration,
        "text": transcript.text,
    }
    if "segment" in wish.granularities:
        body["segments"] = [
            _segment(number, segment, wish) for number, segment in enumerate(transcript.segments)
        ]
    if wish.words:
        body["words"] = [
            {"word": word.text, "start": word.start, "end": word.end}
            for segment in transcript.segments
            for word in segment.words or ()
        ]
    return body | _usage(transcript)


def _segment(number: int, segment: Segment, wish: Wish) -> Json:
    return {
        "id": number,
        "seek": round(segment.start * _FRAMES_PER_SECOND),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        # Without one of the request's, several are tried, and nobody tells which it was.
        "temperature": wish.temperature or None,
        "avg_logprob": _logarithm(segment.confidence),
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_probability,
    }


def _logarithm(confidence: float | None) -> float | None:
    """Return the mean logarithm whose exponential is a segment's confidence."""
    return round(math.log(confidence), 4) if confidence else None


def _language_name(code: str | None) -> str | None:
    return None if code is None else LANGUAGES.get(code, code)


def _usage(transcript: Transcript) -> Json:
    if transcript.duration is None:
        return {}
    return {"usage": {"type": "duration", "seconds": transcript.duration}}
