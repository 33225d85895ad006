"""From a recording to the turns of its speakers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dalston.engine_sdk import TaskFailed
from recording import Recording
from speakers import Numbers, SpeakerCount, find_speakers
from turns import Stretch, Turn, find_turns
from voice_activity import FRAME_SECONDS, VoiceDetector, find_spans
from voice_encoder import VoiceEncoder
from windows import listen

_DETECTION_SHARE = 0.1
"""Share of the work that it is to find where there is speech."""
_LONG_WINDOW_SECONDS = 1.0
"""Shorter windows tell too little of a voice to decide how many speakers there are."""
_DECIMALS = 3

Progress = Callable[[float, float], None]

_OVERLAP = {
    "code": "overlap_not_detected",
    "message": (
        "Where several people speak at once, this engine hears only one of them. Words that were "
        "said at the same time may have the wrong speaker."
    ),
}


@dataclass(frozen=True)
class Models:
    """What the engine keeps in memory.

    Attributes:
        detector: Hears where there is speech.
        encoder: Hears whose voice it is.
    """

    detector: VoiceDetector
    encoder: VoiceEncoder


def load_models(folder: Path) -> Models:
    """Load both models.

    Args:
        folder: Where the encoder's weights lie.

    Raises:
        TaskFailed: `engine_not_installed`.
    """
    return Models(VoiceDetector(), VoiceEncoder(folder / "ge2e.onnx"))


def diarize(
    models: Models, file: BinaryIO, config: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Tell who speaks when.

    Args:
        models: The models.
        file: The recording, as the stage `prepare` makes it, open for reading.
        config: The task's configuration.
        progress: Is told seconds done and seconds in all.

    Returns:
        `turns`, `speakers` in order of their first turn, and `warnings`.

    Raises:
        TaskFailed: `wrong_audio` or `invalid_speaker_count`.
    """
    wanted = _speaker_count(config)
    with Recording(file) as recording:
        spans = find_spans(_probabilities(models, recording, progress), recording.samples)

        def heard(second: float) -> None:
            found = _DETECTION_SHARE * recording.duration
            progress(found + (1 - _DETECTION_SHARE) * second, recording.duration)

        stretches = listen(recording, spans, models.encoder, heard)
        turns = find_turns(stretches, _voices(stretches, wanted, config)) if stretches else []
        if recording.duration:
            progress(recording.duration, recording.duration)
    return _output(turns, wanted)


def _speaker_count(config: Mapping[str, Any]) -> SpeakerCount:
    wanted = SpeakerCount(config["num_speakers"], config["min_speakers"], config["max_speakers"])
    if wanted.least is not None and wanted.most is not None and wanted.least > wanted.most:
        raise TaskFailed(
            "invalid_speaker_count",
            f"min_speakers ({wanted.least}) is more than max_speakers ({wanted.most}). Correct "
            f"one of them, or leave one out.",
        )
    return wanted


def _probabilities(models: Models, recording: Recording, progress: Progress) -> NDArray[np.float32]:
    found = [np.zeros(0, np.float32)]
    done = 0.0
    for block in models.detector.probabilities(recording):
        found.append(block)
        done = min(recording.duration, done + len(block) * FRAME_SECONDS)
        progress(_DETECTION_SHARE * done, recording.duration)
    return np.concatenate(found)


def _voices(
    stretches: Sequence[Stretch], wanted: SpeakerCount, config: Mapping[str, Any]
) -> Numbers:
    voices = np.concatenate([stretch.voices for stretch in stretches])
    seconds = np.concatenate([stretch.ends - stretch.starts for stretch in stretches])
    long = seconds >= _LONG_WINDOW_SECONDS
    if not long.any():
        long[:] = True
    return find_speakers(voices[long], seconds[long], wanted, config["threshold"])


def _output(turns: Sequence[Turn], wanted: SpeakerCount) -> dict[str, Any]:
    numbers: dict[int, int] = {}
    for turn in turns:
        numbers.setdefault(turn.speaker, len(numbers) + 1)
    return {
        "turns": [
            {
                "start": round(turn.start, _DECIMALS),
                "end": round(turn.end, _DECIMALS),
                "speaker": f"speaker_{numbers[turn.speaker]}",
            }
            for turn in turns
        ],
        "speakers": [
            {"id": f"speaker_{number}", "label": f"Speaker {number}"} for number in numbers.values()
        ],
        "warnings": _warnings(len(numbers), wanted),
    }


def _warnings(found: int, wanted: SpeakerCount) -> list[dict[str, str]]:
    warnings = [_OVERLAP] if found > 1 else []
    asked = wanted.nearest(found)
    if found and found != asked:
        warnings.append(
            {
                "code": "speaker_count_not_reached",
                "message": (
                    f"{asked} speakers were asked for, but only {found} could be told apart. "
                    f"Check num_speakers and min_speakers."
                ),
            }
        )
    return warnings
