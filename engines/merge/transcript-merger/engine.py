"""Makes the one transcript of what the stages before it found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from heapq import merge
from typing import Any

from chunks import Part, by_channel, joined_segments, lost_in_alignment, parts_of, realigned
from crosstalk import Crosstalk
from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput
from dalston.engine_sdk.wording import joined
from metadata import describe, gather_warnings, several_engines, spoken_language
from placing import Moved, Segments, in_order, place_segments, times_moved
from speakers import Turns, label, occurring, of_channel, of_channels, unnamed


class TranscriptMerger(Engine):
    """Joins chunks, numbers the segments, says who speaks and gathers what is known of the job."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return the transcript.

        Raises:
            TaskFailed: `missing_transcription`: no stage `transcribe` came before.
        """
        outputs = {name: parts_of(output) for name, output in input.previous_outputs.items()}
        found = outputs.get("transcribe")
        if found is None:
            raise TaskFailed(
                "missing_transcription",
                "The engine transcript-merger needs the output of a stage `transcribe`. Name "
                "that stage in the pipeline's `after`.",
            )
        prepared = _only(outputs.get("prepare", []))
        duration = prepared.get("duration", _only(found).get("duration"))
        spoken = spoken_language(found)
        aligned = realigned(found, outputs["align"]) if "align" in outputs else found
        channels = by_channel(aligned)
        diarized = None if any(channels) or "diarize" not in outputs else _only(outputs["diarize"])
        turns = None if diarized is None else Turns(diarized["turns"])
        segments = partial(_segments, channels, turns, duration)
        # Made twice, once to be read and once to be written: those of many hours are too long to
        # be held.
        texts: list[str] = []
        names: set[str] = set()
        moved: Moved = []
        crosstalk = Crosstalk()
        for segment in segments(moved):
            texts.append(segment["text"])
            names |= {segment["speaker"]} if "speaker" in segment else set()
            if any(channels):
                crosstalk.take(segment)
        unknown = unnamed(names, texts) if diarized is not None else []
        noticed = [*several_engines(outputs), *lost_in_alignment(found, aligned), *unknown]
        own = [*spoken.warnings, *noticed, *times_moved(moved), *crosstalk.warnings()]
        warnings = gather_warnings(outputs, [*own, *input.warnings])
        data: dict[str, Any] = {
            "text": joined(texts),
            "language": spoken.language,
            "language_confidence": spoken.confidence,
            "duration": duration,
            "speakers": _speakers(found, channels, diarized, names),
            "metadata": describe(outputs, prepared, self.id, self.version, warnings),
        }
        known = {name: value for name, value in data.items() if value is not None}
        return TaskOutput(known, segments=segments([]))


def _segments(
    channels: dict[int | None, list[Part]],
    turns: Turns | None,
    duration: float | None,
    moved: Moved,
) -> Iterator[dict[str, Any]]:
    """Yield the transcript's segments.

    Args:
        channels: What was heard in each.
        turns: Who speaks when, if that was asked.
        duration: Seconds of the recording, if that is known.
        moved: Is told of starts that can't be what they are said to be.
    """

    def spoken(channel: int | None, parts: list[Part]) -> Iterator[tuple[float, Segments]]:
        for begins, found in joined_segments(parts):
            if turns is not None:
                yield begins, label(found, turns)
            else:
                yield begins, of_channel(found, channel)

    each = [in_order(spoken(channel, parts)) for channel, parts in channels.items()]
    ordered = merge(*each, key=lambda segment: float(segment["start"]))
    return place_segments(ordered, math.inf if duration is None else duration, moved)


def _only(parts: list[Part]) -> dict[str, Any]:
    """Return the output of a stage that works on the whole recording."""
    return parts[0].facts if len(parts) == 1 else {}


def _speakers(
    found: list[Part],
    channels: dict[int | None, list[Part]],
    diarized: dict[str, Any] | None,
    names: set[str],
) -> list[dict[str, str]]:
    """Return who speaks, by channel, by voice or as the transcriber has it."""
    if any(channels):
        return occurring(names, of_channels(channels))
    if diarized is not None:
        return occurring(names, diarized["speakers"])
    return _known_speakers(found)


def _known_speakers(parts: list[Part]) -> list[dict[str, Any]]:
    found = {speaker["id"]: speaker for p in parts for speaker in p.facts.get("speakers", [])}
    return list(found.values())


if __name__ == "__main__":
    TranscriptMerger().run()
