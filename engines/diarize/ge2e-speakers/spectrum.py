"""Mel spectra as the voice encoder was trained on: 40 bands, 25 ms long, every 10 ms, not in dB.

The bands are those of M. Slaney's Auditory Toolbox (1998): linear below 1000 Hz, logarithmic
above, each of unit area.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recording import SAMPLE_RATE, Samples

FRAMES_PER_SECOND = 100
BANDS = 40
_LENGTH = SAMPLE_RATE // 40
_STEP = SAMPLE_RATE // FRAMES_PER_SECOND

_KNEE_HERTZ = 1000.0
_HERTZ_PER_MEL = 200 / 3
_KNEE_MEL = _KNEE_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27

_LOUDNESS = 10 ** (-30 / 20)
"""The root mean square to which speech is brought: -30 dB of full scale."""

Spectrum = NDArray[np.float32]


def level(samples: Samples) -> Samples:
    """Return samples at the loudness that the encoder knows; silence stays silence."""
    power = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return samples * np.float32(_LOUDNESS / power) if power else samples


def spectrum(samples: Samples) -> Spectrum:
    """Return the power in each band, frame by frame.

    Args:
        samples: 16 kHz; the first frame's middle is the first sample.

    Returns:
        One row of 40 bands for each 10 ms.
    """
    padded = np.pad(samples, _LENGTH // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _LENGTH)[::_STEP]
    power = np.square(np.abs(np.fft.rfft(frames * _WINDOW))).astype(np.float32)
    return np.asarray(power @ _BANK, np.float32)


def _hann() -> NDArray[np.float32]:
    turn = 2 * np.pi * np.arange(_LENGTH) / _LENGTH
    return np.asarray(0.5 - 0.5 * np.cos(turn), np.float32)


def _bank() -> NDArray[np.float32]:
    """Return the share of each frequency (rows) in each band (columns)."""
    highest = _KNEE_MEL + np.log(SAMPLE_RATE / 2 / _KNEE_HERTZ) / _LOG_STEP
    mels = np.linspace(0, highest, BANDS + 2)
    logarithmic = _KNEE_HERTZ * np.exp(_LOG_STEP * (mels - _KNEE_MEL))
    edges = np.where(mels < _KNEE_MEL, mels * _HERTZ_PER_MEL, logarithmic)
    frequencies = np.fft.rfftfreq(_LENGTH, 1 / SAMPLE_RATE)[:, np.newaxis]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * 2 / (high - low), np.float32)


_WINDOW = _hann()
_BANK = _bank()
