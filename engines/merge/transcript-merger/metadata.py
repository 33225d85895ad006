"""What is known of the job besides its words: engines, audio, language, warnings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chunks import Part

_ORDER = ("prepare", "language", "transcribe", "align", "diarize")
"""Stages whose outputs the merger knows, in the order in which they worked."""

_AUDIO_FACTS = ("channels", "sample_rate", "codec", "container")

Outputs = dict[str, list[Part]]
Warnings = list[dict[str, Any]]


@dataclass(frozen=True)
class SpokenLanguage:
    """The language of a transcript.

    Attributes:
        language: Its code; None if no chunk told one.
        confidence: From 0 to 1; None if it was not detected.
        warnings: What the user should know.
    """

    language: str | None
    confidence: float | None = None
    warnings: Warnings = field(default_factory=list)


def spoken_language(parts: list[Part]) -> SpokenLanguage:
    """Return the language in which most of the recording is spoken.

    Args:
        parts: Of the stage `transcribe`.
    """
    told = [part for part in parts if part.facts.get("language") is not None]
    if not told:
        return SpokenLanguage(None)
    seconds = dict.fromkeys((part.facts["language"] for part in told), 0.0)
    for part in told if len(seconds) > 1 else ():
        spans = part.segments()
        seconds[part.facts["language"]] += sum(span["end"] - span["start"] for span in spans)
    language = max(seconds, key=lambda code: seconds[code])
    confidences = [
        part.facts["language_confidence"]
        for part in told
        if part.facts["language"] == language and part.facts.get("language_confidence") is not None
    ]
    confidence = round(sum(confidences) / len(confidences), 4) if confidences else None
    return SpokenLanguage(language, confidence, _several(seconds, language))


def gather_warnings(outputs: Outputs, further: Iterable[str | dict[str, Any]]) -> Warnings:
    """Return all stages' warnings, each once, those with times at the recording's times.

    Args:
        outputs: Of all stages.
        further: Warnings of others; a plain sentence tells of a stage that failed.
    """
    found = [
        moved
        for name in _in_order(outputs)
        for part in outputs[name]
        for warning in part.facts.get("warnings", [])
        if (moved := _moved(warning, part)) is not None
    ]
    for warning in further:
        if isinstance(warning, str):
            found.append({"code": "stage_failed", "message": warning})
        else:
            found.append(dict(warning))
    # Chunks of one recording have much to say in common.
    return list({json.dumps(warning, sort_keys=True): warning for warning in found}.values())


def several_engines(outputs: Outputs) -> Warnings:
    """Return a warning for each stage whose chunks were done by different engines or models.

    That is so where one of them came into use while the job ran; `describe` names only the first.

    Args:
        outputs: Of all stages.
    """
    found = []
    for name in _in_order(outputs):
        told = (part.facts.get("engine") for part in outputs[name])
        names = Counter(_engine_name(engine) for engine in told if engine is not None)
        if len(names) > 1:
            listed = ", ".join(f"{engine} ({count} chunks)" for engine, count in names.items())
            message = (
                f"The stage {name} was done by different engines: {listed}. Rerun the job from "
                f"that stage to have all of it from one."
            )
            found.append({"code": "several_engines", "message": message})
    return found


def describe(
    outputs: Outputs, prepared: dict[str, Any], own_id: str, own_version: str, warnings: Warnings
) -> dict[str, Any]:
    """Return the transcript's `metadata`.

    Args:
        outputs: Of all stages.
        prepared: The output of the stage `prepare`, if there is one.
        own_id: This engine's id.
        own_version: Its version.
        warnings: As `gather_warnings` returns them.
    """
    described = [
        engine for name in _in_order(outputs) if (engine := _engine(outputs[name])) is not None
    ]
    described.append({"id": own_id, "version": own_version})
    metadata: dict[str, Any] = {
        "pipeline": [engine["id"] for engine in described],
        "engines": {
            engine["id"]: {name: value for name, value in engine.items() if name != "id"}
            for engine in described
        },
        "warnings": warnings,
    }
    audio = {name: prepared[name] for name in _AUDIO_FACTS if name in prepared}
    if audio:
        metadata["audio"] = {**audio, **prepared.get("audio", {})}
    return metadata


def _in_order(outputs: Outputs) -> list[str]:
    known = [name for name in _ORDER if name in outputs]
    return [*known, *(name for name in outputs if name not in _ORDER)]


def _engine(parts: list[Part]) -> dict[str, Any] | None:
    return next((part.facts["engine"] for part in parts if "engine" in part.facts), None)


def _engine_name(engine: dict[str, Any]) -> str:
    """Return what one engine differs by from another one that does the same otherwise."""
    told = (engine.get(name) for name in ("id", "version", "model"))
    return " ".join(str(one) for one in told if one is not None)


def _several(seconds: dict[str, float], language: str) -> Warnings:
    if len(seconds) == 1:
        return []
    ranked = sorted(seconds, key=lambda code: seconds[code], reverse=True)
    listed = ", ".join(f"{code} ({seconds[code]:.0f} s)" for code in ranked)
    return [
        {
            "code": "several_languages",
            "message": (
                f"Parts of the recording were taken for different languages: {listed}. The "
                f"transcript says {language}. Name the language in the request if it is only one."
            ),
        }
    ]


def _moved(warning: dict[str, Any], part: Part) -> dict[str, Any] | None:
    """Return a warning in the recording's time; None if another chunk tells of that time."""
    if warning.get("start") is None or warning.get("end") is None:
        return warning
    times = {name: round(warning[name] + part.offset, 3) for name in ("start", "end")}
    channel = {} if part.channel is None else {"channel": part.channel}
    return {**warning, **times, **channel} if part.holds(times) else None
