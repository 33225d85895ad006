"""The transcript and the outputs of the known stages, as schemas.

Times are seconds in the original recording's time line. What an engine can't know is absent.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """One word and when it was said."""

    text: str
    start: Seconds
    end: Seconds
    confidence: Probability | None = None
    speaker: str | None = None


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of speech, about a sentence long."""

    start: Seconds
    end: Seconds
    text: str
    id: int | None = None
    speaker: str | None = None
    confidence: Probability | None = None
    words: list[Word] | None = None


class Speaker(msgspec.Struct, frozen=True):
    """Somebody who speaks in the recording."""

    id: str
    label: str


class TranscribeOutput(msgspec.Struct, frozen=True):
    """What a `transcribe` engine must return, at least."""

    text: str
    segments: list[Segment]
    language: str | None = None
    language_confidence: Probability | None = None


class PrepareOutput(msgspec.Struct, frozen=True):
    """What a `prepare` engine must return, at least.

    Attributes:
        duration: Seconds of decoded audio.
        channels: Channels of the original.
        sample_rate: Hertz of the original.
    """

    duration: Seconds
    channels: Annotated[int, msgspec.Meta(ge=1)]
    sample_rate: Annotated[int, msgspec.Meta(ge=1)]


class Transcript(msgspec.Struct, frozen=True):
    """The result of a job: the same for every pipeline."""

    text: str
    segments: list[Segment]
    language: str | None = None
    language_confidence: Probability | None = None
    duration: Seconds | None = None
    speakers: list[Speaker] = []
    metadata: dict[str, Any] = {}


STAGE_SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "prepare": PrepareOutput,
    "transcribe": TranscribeOutput,
    "merge": Transcript,
}

_TIME_TOLERANCE = 0.01
"""Seconds by which rounding may move a time past its neighbour."""


def check_stage_output(stage: str, data: dict[str, Any]) -> None:
    """Check an engine's output against what its stage promises.

    A stage that isn't known here may return any JSON object.

    Args:
        stage: The stage's name.
        data: The output.

    Raises:
        ValueError: The output is not what the stage promises; says where.
    """
    schema = STAGE_SCHEMAS.get(stage)
    if schema is None:
        return
    try:
        checked = msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if isinstance(checked, Transcript | TranscribeOutput):
        duration = checked.duration if isinstance(checked, Transcript) else None
        _check_times(checked.segments, math.inf if duration is None else duration)


def _check_times(segments: list[Segment], duration: float) -> None:
    previous = 0.0
    for number, segment in enumerate(segments):
        _check_span(segment.start, segment.end, duration, f"segments[{number}]")
        if segment.start + _TIME_TOLERANCE < previous:
            raise ValueError(f"segments[{number}] starts before the one in front of it")
        previous = segment.start
        for position, word in enumerate(segment.words or ()):
            where = f"segments[{number}].words[{position}]"
            _check_span(word.start, word.end, duration, where)


def _check_span(start: float, end: float, duration: float, where: str) -> None:
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError(f"{where} has a time that is not a number")
    if end + _TIME_TOLERANCE < start:
        raise ValueError(f"{where} ends before it starts")
    if end > duration + _TIME_TOLERANCE:
        raise ValueError(f"{where} ends after the recording does")
