"""From an annotation of pyannote to turns and speakers; nothing of it is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from dalston.engine_sdk import TaskFailed

_NAMES = ("num_speakers", "min_speakers", "max_speakers")
_DECIMALS = 3


class Segment(Protocol):
    """What pyannote.core calls a segment: a stretch of time, in seconds."""

    start: float
    end: float


class Annotation(Protocol):
    """What is used of an annotation of pyannote.core."""

    def itertracks(self, yield_label: bool) -> Iterator[tuple[Segment, Any, str]]:  # noqa: FBT001 - its name there
        """Return each stretch of time with its track and its speaker's label."""
        ...


def speaker_arguments(config: Mapping[str, Any]) -> dict[str, int]:
    """Return what a pipeline of pyannote is told of the number of speakers.

    Args:
        config: `num_speakers`, `min_speakers` and `max_speakers`, each a number or None.

    Raises:
        TaskFailed: `invalid_speaker_count`.
    """
    asked = {name: int(config[name]) for name in _NAMES if config.get(name) is not None}
    if "num_speakers" in asked:
        return {"num_speakers": asked["num_speakers"]}
    least, most = asked.get("min_speakers"), asked.get("max_speakers")
    if least is not None and most is not None and least > most:
        raise TaskFailed(
            "invalid_speaker_count",
            f"min_speakers ({least}) is more than max_speakers ({most}). Correct one of them, or "
            f"leave one out.",
        )
    return asked


def turns_of(annotation: Annotation, asked: Mapping[str, int]) -> dict[str, Any]:
    """Return an annotation as the stage `diarize` promises it.

    Args:
        annotation: What a pipeline of pyannote has found; turns of several speakers may overlap.
        asked: What it was told of the number of speakers.

    Returns:
        `turns` by their start, `speakers` in order of their first turn, and `warnings`.
    """
    found = [
        (round(float(segment.start), _DECIMALS), round(float(segment.end), _DECIMALS), str(label))
        for segment, _track, label in annotation.itertracks(yield_label=True)
    ]
    numbers: dict[str, int] = {}
    turns = []
    for start, end, label in sorted(found):
        if end <= start:
            continue
        number = numbers.setdefault(label, len(numbers) + 1)
        turns.append({"start": start, "end": end, "speaker": f"speaker_{number}"})
    return {
        "turns": turns,
        "speakers": [
            {"id": f"speaker_{number}", "label": f"Speaker {number}"} for number in numbers.values()
        ],
        "warnings": _warnings(len(numbers), asked),
    }


def _warnings(found: int, asked: Mapping[str, int]) -> list[dict[str, str]]:
    least = asked.get("num_speakers", asked.get("min_speakers", 0))
    if not found or found >= least:
        return []
    return [
        {
            "code": "speaker_count_not_reached",
            "message": (
                f"{least} speakers were asked for, but only {found} could be told apart. Check "
                f"num_speakers and min_speakers."
            ),
        }
    ]
