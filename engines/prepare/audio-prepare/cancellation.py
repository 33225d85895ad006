"""Hears channels that cancel each other, as a balanced cable in a stereo socket makes them.

The second channel is then the first one upside down, and their mean is silence.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame, format_dtypes
from numpy.typing import NDArray

_CANCELLED = 0.05
"""Share of the channels' energies that their sum has left, below which they cancel each other:
13 dB. Sounds that have nothing to do with each other have a share of 1, equal ones a larger one."""
_NOT_CANCELLED = 0.2
"""From here on they no longer do. In between all stays as it is, so that nothing flutters."""
_MEMORY_SECONDS = 0.5
"""For how long a sound counts. A shorter time would take a single vowel that reaches two
microphones in opposite phase for it."""
_LEAST_POWER = 1e-8
"""Of full scale: 80 dB below it. What is weaker is noise of the recorder."""
_AS_LOUD = 0.5
"""Share of the loudest channel's energy from which on an earlier one stands for all."""


class Cancellation:
    """Listens to a recording's frames, in constant memory.

    Attributes:
        seconds: Of sound that was replaced, but for what is hardly to be heard.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._energies = np.zeros(0)
        self._left = 0.0
        self._channel: int | None = None

    def prevent(self, frame: AudioFrame) -> AudioFrame:
        """Return a frame whose channels can be mixed: itself, or one channel in place of all.

        Args:
            frame: The next one of the recording, with more than one channel.
        """
        if frame.format.name not in format_dtypes:
            return frame
        samples = frame.to_ndarray()
        channels = samples if frame.format.is_planar else samples.reshape(-1, _count(frame)).T
        power = self._listen(channels, frame.samples / frame.sample_rate)
        if self._channel is None:
            return frame
        if power > _LEAST_POWER:
            self.seconds += frame.samples / frame.sample_rate
        kept = channels[self._channel]
        copies = np.tile(kept, (_count(frame), 1))
        if not frame.format.is_planar:
            copies = copies.T.reshape(1, -1)
        single = AudioFrame.from_ndarray(
            np.ascontiguousarray(copies), format=frame.format.name, layout=frame.layout.name
        )
        single.sample_rate = frame.sample_rate
        return single

    def _listen(self, channels: NDArray[Any], seconds: float) -> float:
        """Decide whether the channels cancel each other; return the power of the loudest."""
        sound = _scaled(channels)
        if len(sound) != len(self._energies):
            self._energies, self._left, self._channel = np.zeros(len(sound)), 0.0, None
        # What is no number is refused elsewhere.
        with np.errstate(all="ignore"):
            energies = np.einsum("cn,cn->c", sound, sound)
            mixed = sound.sum(axis=0)
            fading = math.exp(-seconds / _MEMORY_SECONDS)
            self._energies = self._energies * fading + energies
            # A product of BLAS would wake threads for so little.
            self._left = self._left * fading + float(np.einsum("n,n->", mixed, mixed))
            limit = _CANCELLED if self._channel is None else _NOT_CANCELLED
            if not self._left < limit * self._energies.sum():
                self._channel = None
            elif self._channel is None:
                loud = self._energies >= _AS_LOUD * self._energies.max()
                self._channel = int(np.argmax(loud))
            return float(energies.max() / max(1, sound.shape[1]))


def _count(frame: AudioFrame) -> int:
    return int(frame.layout.nb_channels)


def _scaled(channels: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples from -1 to 1; unsigned ones are silent in the middle of their range."""
    if channels.dtype.kind == "f":
        return np.asarray(channels, np.float32, order="C")
    half = 1 << 8 * channels.dtype.itemsize - 1
    middle = half if channels.dtype.kind == "u" else 0
    return (channels.astype(np.float32, order="C") - np.float32(middle)) / np.float32(half)
