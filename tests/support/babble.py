"""Sound that a voice detector takes for speech with pauses; no recording is needed for it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[import-untyped, unused-ignore]

RATE = 16_000
_MINUTE = 60 * RATE


def write_babble(path: Path, seconds: int) -> Path:
    """Write a WAV file of 16 kHz, mono, 16-bit, which says the same every minute."""
    minute = _minute()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        left = seconds * RATE
        while left > 0:
            file.writeframes(minute[:left].tobytes())
            left -= len(minute)
    return path


def _minute() -> NDArray[np.int16]:
    chance = np.random.default_rng(1)
    pieces: list[NDArray[np.float64]] = []
    while sum(map(len, pieces)) < _MINUTE:
        pieces.append(_syllable(chance))
        pause = chance.uniform(0.4, 1.0) if chance.random() < 0.1 else chance.uniform(0, 0.06)
        pieces.append(chance.normal(0, 20, int(pause * RATE)))
    return np.concatenate(pieces)[:_MINUTE].astype(np.int16)


def _syllable(chance: np.random.Generator) -> NDArray[np.float64]:
    """Return a buzz of a voice's pitch, through the resonances of some vowel."""
    length = int(chance.uniform(0.12, 0.3) * RATE)
    pitch = np.linspace(chance.uniform(100, 150), chance.uniform(90, 140), length)
    sound = np.diff(np.floor(np.cumsum(pitch / RATE)), prepend=0)
    sound = sound + chance.normal(0, 0.01, length)
    for hertz, width in ((chance.uniform(300, 800), 80), (chance.uniform(900, 2200), 120)):
        radius = np.exp(-np.pi * width / RATE)
        around = 2 * radius * np.cos(2 * np.pi * hertz / RATE)
        sound = lfilter([1 - radius], [1, -around, radius**2], sound)
    return np.asarray(sound / np.abs(sound).max() * np.hanning(length) ** 0.5 * 8000, np.float64)
