"""Makes the one transcript of what the stages before it found."""

from __future__ import annotations

import math
from typing import Any

from chunks import Part, by_channel, joined_segments, parts_of, realigned
from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput
from metadata import describe, gather_warnings, spoken_language
from placing import place_segments
from speakers import Turns, label, occurring, of_channel, of_channels
from wording import separator_of


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
        separator = separator_of(spoken.language)
        aligned = realigned(found, outputs["align"]) if "align" in outputs else found
        channels = by_channel(aligned)
        segments = [
            segment
            for channel, parts in channels.items()
            for segment in of_channel(joined_segments(parts, separator), channel)
        ]
        speakers = _known_speakers(found)
        if any(channels):
            speakers = occurring(segments, of_channels(channels))
        elif "diarize" in outputs:
            diarized = _only(outputs["diarize"])
            segments = label(segments, Turns(diarized["turns"]), separator)
            speakers = occurring(segments, diarized["speakers"])
        placed = place_segments(segments, math.inf if duration is None else duration)
        warnings = gather_warnings(outputs, [*spoken.warnings, *input.warnings])
        data: dict[str, Any] = {
            "text": separator.join(segment["text"] for segment in placed),
            "language": spoken.language,
            "language_confidence": spoken.confidence,
            "duration": duration,
            "segments": placed,
            "speakers": speakers,
            "metadata": describe(outputs, prepared, self.id, self.version, warnings),
        }
        return TaskOutput({name: value for name, value in data.items() if value is not None})


def _only(parts: list[Part]) -> dict[str, Any]:
    """Return the output of a stage that works on the whole recording."""
    return parts[0].output if len(parts) == 1 else {}


def _known_speakers(parts: list[Part]) -> list[dict[str, Any]]:
    found = {speaker["id"]: speaker for p in parts for speaker in p.output.get("speakers", [])}
    return list(found.values())


if __name__ == "__main__":
    TranscriptMerger().run()
