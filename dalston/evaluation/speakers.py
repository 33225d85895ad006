"""Errors in who speaks when: the diarization error rate, by the library simpleder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import simpleder

from dalston.evaluation.results import SpeakerScore

COLLAR_SECONDS = 0.25
"""What lies this near to a change of speaker in the reference isn't scored, on each side of it; the
same as in NIST's evaluations (Rich Transcription 2009). Overlapping speech is scored."""

_LONGEST_PAUSE = 0.5
"""Seconds between two words of a speaker that still belong to one turn."""

Turn = tuple[str, float, float]
"""Speaker, start and end in seconds."""


def read_turns(path: Path) -> list[Turn]:
    """Read a file of turns in RTTM, the format of NIST's evaluations.

    Raises:
        ValueError: It isn't RTTM, or holds no turn, or turns of several recordings.
        OSError: It can't be read.
    """
    recordings: dict[str, list[Turn]] = simpleder.load_rttm(path)
    if len(recordings) != 1:
        raise ValueError(f"it must hold the turns of one recording, not of {len(recordings)}")
    return next(iter(recordings.values()))


def turns_of(transcript: Mapping[str, Any]) -> list[Turn]:
    """Return who speaks when in a transcript: words joined over short pauses, or its segments."""
    turns: list[Turn] = []
    latest: dict[str, int] = {}
    for speaker, start, end in sorted(_spoken(transcript), key=lambda turn: turn[1]):
        number = latest.get(speaker)
        if number is not None and start - turns[number][2] <= _LONGEST_PAUSE:
            turns[number] = (speaker, turns[number][1], max(turns[number][2], end))
        else:
            latest[speaker] = len(turns)
            turns.append((speaker, start, end))
    return turns


def _spoken(transcript: Mapping[str, Any]) -> Iterator[Turn]:
    for segment in transcript.get("segments", []):
        for span in segment.get("words") or [segment]:
            speaker = span.get("speaker") or segment.get("speaker")
            if speaker is not None:
                start = float(span["start"])
                yield str(speaker), start, max(start, float(span["end"]))


def score_speakers(expected: list[Turn], found: list[Turn]) -> SpeakerScore:
    """Compare turns with those of the reference; speakers are paired as fits best.

    Args:
        expected: The reference's turns.
        found: The transcript's turns, with any names of speakers.
    """
    counted = simpleder.DER(expected, found, collar=COLLAR_SECONDS, detailed=True)
    return SpeakerScore(
        scored=counted["ref_length"],
        missed=counted["miss"],
        false_alarm=counted["false_alarm"],
        confused=counted["confusion"],
        expected=len({turn[0] for turn in expected}),
        found=len({turn[0] for turn in found}),
    )
