"""Reads a prepared recording as the numbers that a pipeline takes."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32_768.0
_BLOCK = 1 << 16
"""Samples that are read at once, so that no copy of a long recording lies beside it in memory."""


def read_samples(path: Path) -> Any:  # noqa: ANN401 - an array
    """Return all samples of a recording, from -1 to 1.

    Args:
        path: 16 kHz, mono, signed 16-bit WAV.

    Raises:
        TaskFailed: `wrong_audio`.
    """
    wrong = TaskFailed(
        "wrong_audio",
        "The engine pyannote needs 16 kHz mono WAV. Put the stage `prepare` in front of it.",
    )
    try:
        with wave.open(str(path), "rb") as audio:
            kind = (audio.getframerate(), audio.getnchannels(), audio.getsampwidth())
            if kind != (SAMPLE_RATE, 1, _BYTES_PER_SAMPLE):
                raise wrong
            samples = np.empty(audio.getnframes(), np.float32)
            filled = 0
            while block := audio.readframes(_BLOCK):
                pcm = np.frombuffer(block, "<i2")
                samples[filled : filled + len(pcm)] = pcm / np.float32(_FULL_SCALE)
                filled += len(pcm)
    except (wave.Error, EOFError) as error:
        raise wrong from error
    return samples[:filled]
