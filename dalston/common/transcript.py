"""The transcript and the outputs of the known stages, as schemas.

Times are seconds in the original recording's time line. What an engine can't know is absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    no_speech_probability: Probability | None = None
    compression_ratio: Annotated[float, msgspec.Meta(ge=0)] | None = None
    words: list[Word] | None = None


class Speaker(msgspec.Struct, frozen=True):
    """Somebody who speaks in the recording."""

    id: str
    label: str


class TranscribeOutput(msgspec.Struct, frozen=True):
    """What a `transcribe` engine must return, at least.

    Attributes:
        speakers: Those that its segments or words name.
    """

    text: str
    segments: list[Segment]
    language: str | None = None
    language_confidence: Probability | None = None
    speakers: list[Speaker] = []


class LanguageOutput(msgspec.Struct, frozen=True):
    """What a `language` engine must return: nothing, if nobody speaks."""

    language: str | None = None
    language_confidence: Probability | None = None


class Chunk(msgspec.Struct, frozen=True):
    """A part of a recording that a stage can work on alone.

    Attributes:
        file: Name of the audio that was kept beside the output.
        start: Where that audio begins, in seconds of the recording.
        end: Where it ends.
        core_start: Where the part begins that belongs to this chunk alone.
        core_end: Where that ends.
        channel: Which of the recording's channels it is of, counted from 1; None means all of
            them, mixed.
    """

    file: str
    start: Seconds
    end: Seconds
    core_start: Seconds
    core_end: Seconds
    channel: Annotated[int, msgspec.Meta(ge=1)] | None = None


class PrepareOutput(msgspec.Struct, frozen=True):
    """What a `prepare` engine must return, at least.

    Attributes:
        duration: Seconds of decoded audio.
        channels: Channels of the original.
        sample_rate: Hertz of the original.
        chunks: In order of time; the cores of a channel's chunks make up the recording, but
            for channels in which nobody speaks. Of the chunks at the recording's start the one
            with the most speech comes first.
    """

    duration: Seconds
    channels: Annotated[int, msgspec.Meta(ge=1)]
    sample_rate: Annotated[int, msgspec.Meta(ge=1)]
    chunks: list[Chunk] = []


class AlignOutput(msgspec.Struct, frozen=True):
    """What an `align` engine must return, at least: the transcriber's segments, better timed."""

    segments: list[Segment]


class Turn(msgspec.Struct, frozen=True):
    """A stretch of time in which one speaker speaks."""

    start: Seconds
    end: Seconds
    speaker: str


class DiarizeOutput(msgspec.Struct, frozen=True):
    """What a `diarize` engine must return, at least."""

    turns: list[Turn]
    speakers: list[Speaker]


class Transcript(msgspec.Struct, frozen=True):
    """The result of a job: the same for every pipeline."""

    text: str
    segments: list[Segment]
    language: str | None = None
    language_confidence: Probability | None = None
    duration: Seconds | None = None
    speakers: list[Speaker] = []
    metadata: dict[str, Any] = {}


class AnyEngine(msgspec.Struct, frozen=True):
    """The engine that a stage's output is of; whatever more it says is passed on."""

    id: str


class AnyWarning(msgspec.Struct, frozen=True):
    """What the user should know; whatever more it says is passed on."""

    code: str = ""
    message: str = ""
    start: float | None = None
    end: float | None = None


class AnyOutput(msgspec.Struct, frozen=True):
    """What is understood in the output of any stage."""

    engine: AnyEngine | None = None
    warnings: list[AnyWarning] = []


STAGE_SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "prepare": PrepareOutput,
    "language": LanguageOutput,
    "transcribe": TranscribeOutput,
    "align": AlignOutput,
    "diarize": DiarizeOutput,
    "merge": Transcript,
}

LONG_BYTES = 256 * 1024
"""An output of more than this is stored with its segments last (`layout`), and may be passed on as
it is read; it is about twenty minutes of speech."""
SEGMENTS_LINE = b'\n"segments":['
"""How the second line of a long output begins."""
_SEGMENT = msgspec.json.Decoder(Segment)
_LISTED = msgspec.json.Decoder(list[msgspec.Raw])
_TIME_TOLERANCE = 0.01
"""Seconds by which rounding may move a time past its neighbour."""


def check_stage_output(stage: str, data: bytes, *, last: bool = False) -> SegmentCheck | None:
    """Check an engine's output against what its stage promises.

    A stage that isn't known here may return any JSON object. If it comes last and has segments,
    these are the transcript's.

    Args:
        stage: The stage's name.
        data: The output, as JSON.
        last: Whether it comes last in its pipeline, so that the output is the transcript.

    Returns:
        The check of segments that come behind these; None if the stage promises none.

    Raises:
        ValueError: The output is not what the stage promises; says where.
    """
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        schemas = _schemas(stage, is_transcript=last and "segments" in found)
        promises = any("segments" in schema.__struct_fields__ for schema in schemas)
        segments = found.get("segments") if promises else None
        if segments is not None:
            # One by one: those of many hours take several times their room as objects.
            found["segments"] = msgspec.Raw(b"[]")
        text = msgspec.json.encode(found)
        checked = [msgspec.json.decode(text, type=schema) for schema in schemas]
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    for one in checked:
        if isinstance(one, DiarizeOutput):
            _check_turns(one)
    if segments is None:
        return None
    lengths = [one.duration for one in checked if isinstance(one, Transcript)]
    check = SegmentCheck(lengths[0] if lengths else None)
    for segment in _each(segments):
        check.add(segment)
    return check


def _check_turns(found: DiarizeOutput) -> None:
    """Refuse turns and speakers of which nobody can tell who speaks when."""
    for number, turn in enumerate(found.turns):
        if turn.end + _TIME_TOLERANCE < turn.start:
            raise ValueError(f"turns[{number}] ends before it starts")
    known: set[str] = set()
    for number, speaker in enumerate(found.speakers):
        if speaker.id in known:
            raise ValueError(f"speakers[{number}] has the id of one in front of it: {speaker.id}")
        known.add(speaker.id)


def _schemas(stage: str, *, is_transcript: bool) -> list[type[msgspec.Struct]]:
    own = STAGE_SCHEMAS.get(stage)
    return [
        AnyOutput,
        *(() if own is None else (own,)),
        *((Transcript,) if is_transcript and own is not Transcript else ()),
    ]


def _each(segments: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _LISTED.decode(segments)
    except msgspec.DecodeError as error:
        raise ValueError(f"segments: {error}") from None


def layout(fields: Mapping[str, msgspec.Raw]) -> tuple[bytes, bytes]:
    """Return what stands in front of the segments of a long output, and what stands behind them.

    The segments have a line of their own, the second: whoever passes the output on need not look
    for them.

    Args:
        fields: The output without its segments.
    """
    head = msgspec.json.encode(fields).removesuffix(b"}")
    comma = b"," if fields else b""
    return head + comma + SEGMENTS_LINE, b"]}"


def laid_out(data: bytes) -> bytes:
    """Return an output, a JSON object, as it is stored: a long one with its segments last."""
    if len(data) <= LONG_BYTES:
        return data
    fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    segments = bytes(fields.pop("segments", b""))
    if not segments.startswith(b"["):
        return data
    begin, _ = layout(fields)
    return begin + segments[1:] + b"}"


class SegmentCheck:
    """Checks segments as they come, one after the other.

    Args:
        duration: Seconds of the recording, if that is known.
    """

    def __init__(self, duration: float | None) -> None:
        self._duration = math.inf if duration is None else duration
        self._count = 0
        self._previous = 0.0

    def add(self, found: bytes | msgspec.Raw) -> None:
        """Check the next segment, given as JSON.

        Raises:
            ValueError: It is no segment, or not one that may come here; says where.
        """
        where = f"segments[{self._count}]"
        try:
            segment = _SEGMENT.decode(found)
        except msgspec.DecodeError as error:
            raise ValueError(f"{where}: {error}") from None
        self._check_span(segment.start, segment.end, where)
        if segment.start + _TIME_TOLERANCE < self._previous:
            raise ValueError(f"{where} starts before the one in front of it")
        for position, word in enumerate(segment.words or ()):
            self._check_span(word.start, word.end, f"{where}.words[{position}]")
        self._previous = segment.start
        self._count += 1

    def _check_span(self, start: float, end: float, where: str) -> None:
        if end + _TIME_TOLERANCE < start:
            raise ValueError(f"{where} ends before it starts")
        if end > self._duration + _TIME_TOLERANCE:
            raise ValueError(f"{where} ends after the recording does")
