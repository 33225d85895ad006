"""Makes the one transcript of what the stages before it found."""

from __future__ import annotations

import math
from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput

_ORDER = ("prepare", "transcribe")
"""Stages whose outputs it knows, in the order in which they worked."""

_UNSPACED_LANGUAGES = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages that are written without a space between sentences."""

_AUDIO_FACTS = ("channels", "sample_rate", "codec", "container")
_WORD_FACTS = ("text", "confidence", "speaker")
_SEGMENT_FACTS = ("text", "confidence", "speaker")


class TranscriptMerger(Engine):
    """Numbers the segments, puts their times in order and gathers what is known of the job."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return the transcript.

        Raises:
            TaskFailed: `missing_transcription`: no stage `transcribe` came before.
        """
        outputs = input.previous_outputs
        found = outputs.get("transcribe")
        if found is None:
            raise TaskFailed(
                "missing_transcription",
                "The engine transcript-merger needs the output of a stage `transcribe`. Name "
                "that stage in the pipeline's `after`.",
            )
        prepared = outputs.get("prepare", {})
        duration = prepared.get("duration", found.get("duration"))
        segments = _place_segments(found["segments"], math.inf if duration is None else duration)
        language = found.get("language")
        separator = "" if language in _UNSPACED_LANGUAGES else " "
        data: dict[str, Any] = {
            "text": separator.join(segment["text"] for segment in segments),
            "language": language,
            "language_confidence": found.get("language_confidence"),
            "duration": duration,
            "segments": segments,
            "speakers": found.get("speakers", []),
            "metadata": self._metadata(outputs, prepared),
        }
        return TaskOutput({name: value for name, value in data.items() if value is not None})

    def _metadata(self, outputs: dict[str, Any], prepared: dict[str, Any]) -> dict[str, Any]:
        known = [name for name in _ORDER if name in outputs]
        others = [name for name in outputs if name not in _ORDER]
        described = [
            outputs[name]["engine"] for name in (*known, *others) if "engine" in outputs[name]
        ]
        described.append({"id": self.id, "version": self.version})
        metadata: dict[str, Any] = {
            "pipeline": [engine["id"] for engine in described],
            "engines": {
                engine["id"]: {name: value for name, value in engine.items() if name != "id"}
                for engine in described
            },
            "warnings": [
                warning
                for name in (*known, *others)
                for warning in outputs[name].get("warnings", [])
            ],
        }
        audio = {name: prepared[name] for name in _AUDIO_FACTS if name in prepared}
        if audio:
            metadata["audio"] = {**audio, **prepared.get("audio", {})}
        return metadata


def _place_segments(segments: list[dict[str, Any]], duration: float) -> list[dict[str, Any]]:
    """Number segments in order of time, none outside of the recording, none before another."""
    placed: list[dict[str, Any]] = []
    earliest = 0.0
    for segment in sorted(segments, key=lambda segment: float(segment["start"])):
        text = str(segment["text"]).strip()
        if not text:
            continue
        start, end = _place(segment, earliest, duration)
        earliest = start
        facts = {name: segment[name] for name in _SEGMENT_FACTS if segment.get(name) is not None}
        result = {"id": len(placed), "start": start, "end": end, **facts, "text": text}
        if segment.get("words") is not None:
            result["words"] = _place_words(segment["words"], start, end)
        placed.append(result)
    return placed


def _place_words(words: list[dict[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    """Put words into their segment's time, one after the other."""
    placed = []
    earliest = start
    for word in words:
        word_start, word_end = _place(word, earliest, end)
        earliest = word_start
        facts = {name: word[name] for name in _WORD_FACTS if word.get(name) is not None}
        placed.append({**facts, "start": word_start, "end": word_end})
    return placed


def _place(span: dict[str, Any], earliest: float, latest: float) -> tuple[float, float]:
    start = min(max(float(span["start"]), earliest), latest)
    end = min(max(float(span["end"]), start), latest)
    return start, end


if __name__ == "__main__":
    TranscriptMerger().run()
