"""Turns speech into vectors that are close where the voice is the same.

The network: L. Wan, Q. Wang, A. Papir, I. Lopez Moreno, "Generalized End-to-End Loss for Speaker
Verification" (2018): three LSTM layers, a linear layer, rectified, of length 1. The weights:
Resemblyzer 0.1.4, Copyright 2019 Resemble.AI, Apache-2.0, as 16-bit floating point;
scripts/convert_ge2e.py made the file out of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from spectrum import BANDS, Spectrum

LONGEST = 160
"""Frames in the longest window: the 1.6 seconds of the training."""
BATCH = 32
"""Windows that are computed at once; they take 40 megabytes, and more are hardly faster."""


class VoiceEncoder:
    """The network, loaded; it computes on one processor.

    Args:
        path: The network, an ONNX file.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # What a long recording needed at once must not stay taken for ever.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, windows: Sequence[Spectrum]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each window.

        Args:
            windows: Of 1 to 160 frames each; at most `BATCH`, to bound the memory.
        """
        lengths = np.array([len(window) for window in windows], np.int32)
        frames = np.zeros((int(lengths.max()), len(windows), BANDS), np.float32)
        for number, window in enumerate(windows):
            frames[: len(window), number] = window
        (vectors,) = self._session.run(None, {"frames": frames, "lengths": lengths})
        return np.asarray(vectors, np.float32)
