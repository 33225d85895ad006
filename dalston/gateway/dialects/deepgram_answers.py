"""A transcript and an error as Deepgram's clients read them. Pure.

Source: the types of Deepgram's own client for Python, https://github.com/deepgram/deepgram-python-sdk.
Times are seconds. What the engine doesn't tell is left out, never a made-up number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dalston.common.errors import DalstonError
from dalston.common.models import Job
from dalston.common.transcript import Segment, Transcript, Word
from dalston.common.wording import belongs_to_word
from dalston.gateway.dialects.transcripts import (
    by_channel,
    confidence_of,
    paragraphs_of,
    speaker_numbers,
    text_of,
    words_of,
)

Json = dict[str, Any]
_INSIDE = "'\N{RIGHT SINGLE QUOTATION MARK}-"
"""What belongs to a word between two letters."""


@dataclass(frozen=True)
class Shape:
    """What of a transcript is wanted.

    Attributes:
        speakers: Whether to say who says each word.
        split: Whether each channel was transcribed alone.
        utterances: Whether stretches of speech are wanted.
        paragraphs: Whether paragraphs are.
        tags: What the client calls it.
    """

    speakers: bool = False
    split: bool = False
    utterances: bool = False
    paragraphs: bool = False
    tags: Sequence[str] = ()


def error_body(error: DalstonError, request_id: str | None) -> Json:
    """Return the JSON of an error."""
    body: Json = {
        "err_code": error.code,
        "err_msg": error.message,
        "param": error.param,
        "request_id": request_id,
    }
    return body if error.job_id is None else body | {"job_id": error.job_id}


def listen_body(transcript: Transcript, job: Job, sha256: str | None, shape: Shape) -> Json:
    """Return the JSON of a transcript.

    Args:
        transcript: The job's.
        job: The job.
        sha256: Of the recording, in hexadecimal digits, if it came with the request.
        shape: What of it is wanted.
    """
    numbers = speaker_numbers(transcript) if shape.speakers else {}
    channels = by_channel(transcript) if shape.split else [transcript.segments]
    results: Json = {
        "channels": [_channel(transcript, segments, numbers, shape) for segments in channels]
    }
    if shape.utterances:
        found = [
            _utterance(segment, channel, numbers)
            for channel, segments in enumerate(channels)
            for segment in segments
        ]
        results["utterances"] = sorted(found, key=lambda utterance: float(utterance["start"]))
    return {"metadata": _metadata(transcript, job, sha256, shape), "results": results}


def _metadata(transcript: Transcript, job: Job, sha256: str | None, shape: Shape) -> Json:
    told = transcript.metadata.get("engines")
    engines = told if isinstance(told, dict) else {}
    names = transcript.metadata.get("pipeline")
    models = names if isinstance(names, list) else sorted(engines)
    known: Json = {
        "request_id": job.id,
        "created": job.created_at,
        "channels": len(by_channel(transcript)) if shape.split else _channels(transcript),
        "models": models,
        "model_info": {
            name: {"name": name, "version": about.get("version"), "arch": about.get("model")}
            for name, about in engines.items()
            if isinstance(about, dict)
        },
    }
    if transcript.duration is not None:
        known["duration"] = transcript.duration
    if sha256 is not None:
        known["sha256"] = sha256
    if shape.tags:
        known["tags"] = list(shape.tags)
    return known


def _channels(transcript: Transcript) -> int:
    audio = transcript.metadata.get("audio")
    told = audio.get("channels") if isinstance(audio, dict) else None
    return told if isinstance(told, int) else 1


def _channel(
    transcript: Transcript, segments: list[Segment], numbers: dict[str, int], shape: Shape
) -> Json:
    text = text_of(segments) if shape.split else transcript.text
    alternative: Json = {
        "transcript": text,
        "words": [_word(word, who, numbers) for word, who in words_of(segments)],
    } | _confidence(confidence_of(segments))
    if shape.paragraphs:
        alternative["paragraphs"] = _paragraphs(segments, numbers)
    channel: Json = {"alternatives": [alternative]}
    if transcript.language is not None:
        channel["detected_language"] = transcript.language
        if transcript.language_confidence is not None:
            channel["language_confidence"] = transcript.language_confidence
    return channel


def _word(word: Word, who: str | None, numbers: dict[str, int]) -> Json:
    bare = "".join(letter for letter in word.text if belongs_to_word(letter) or letter in _INSIDE)
    shown: Json = {
        "word": bare.strip(_INSIDE).lower() or word.text,
        "start": word.start,
        "end": word.end,
        "punctuated_word": word.text,
    }
    return shown | _confidence(word.confidence) | _speaker(who, numbers)


def _speaker(who: str | None, numbers: dict[str, int]) -> Json:
    return {"speaker": numbers[who]} if who in numbers else {}


def _confidence(known: float | None) -> Json:
    return {} if known is None else {"confidence": known}


def _utterance(segment: Segment, channel: int, numbers: dict[str, int]) -> Json:
    shown: Json = {
        "start": segment.start,
        "end": segment.end,
        "channel": channel,
        "transcript": segment.text.strip(),
        "words": [_word(word, who, numbers) for word, who in words_of([segment])],
        "id": f"{channel}-{segment.start:.3f}",
    }
    return shown | _confidence(confidence_of([segment])) | _speaker(segment.speaker, numbers)


def _paragraphs(segments: list[Segment], numbers: dict[str, int]) -> Json:
    """Return paragraphs, with their segments as sentences."""
    turns = paragraphs_of(segments)
    return {
        "transcript": "\n\n".join(text_of(turn) for turn in turns),
        "paragraphs": [
            {
                "sentences": [
                    {"text": one.text.strip(), "start": one.start, "end": one.end} for one in turn
                ],
                "num_words": sum(len(one.text.split()) for one in turn),
                "start": turn[0].start,
                "end": max(one.end for one in turn),
            }
            | _speaker(turn[0].speaker, numbers)
            for turn in turns
        ],
    }
