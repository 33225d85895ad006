"""Real speech for tests: read where it is there, and joined as a test wants it."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from tests.support.recordings import SPEECH

RATE = 16_000


def silence(seconds: float) -> NDArray[np.int16]:
    """No sound at all."""
    return np.zeros(round(seconds * RATE), np.int16)


def read_sound(path: Path) -> NDArray[np.int16]:
    """A recording as 16 kHz mono samples."""
    resampler = AudioResampler("s16", "mono", RATE)
    with av.open(str(path)) as container:
        pieces = [
            piece.to_ndarray().reshape(-1)
            for frame in [*container.decode(audio=0), None]
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(pieces)


@cache
def read_aloud() -> tuple[tuple[NDArray[np.int16], str], ...]:
    """Forty short readings of ten people, each with its text."""
    with (SPEECH / "librispeech" / "manifest.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return tuple((read_sound(SPEECH / "librispeech" / row["file"]), row["text"]) for row in rows)
