"""Tells for every 32 milliseconds of sound how likely somebody speaks: Silero VAD, version 6.

The network's file comes with the package faster-whisper, of which nothing else is used: importing
it would bring 150 MB of libraries that transcribe. https://github.com/snakers4/silero-vad (MIT).
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

WINDOW_SAMPLES = 512
"""Samples, at 16 kHz, that get one figure."""

_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)
_FULL_SCALE = 32_768
_BYTES_PER_WINDOW = 2 * WINDOW_SAMPLES
_PACKAGE, _FILE = "faster-whisper", "faster_whisper/assets/silero_vad_v6.onnx"
_ERRORS_ONLY = 3

Probabilities = NDArray[np.float32]


def load_voice_model() -> Any:  # noqa: ANN401 - the library has no types
    """Load the network.

    Returns:
        An onnxruntime session; it keeps nothing of the sound that it has seen.

    Raises:
        PackageNotFoundError: The package with the network's file isn't installed.
    """
    options = onnxruntime.SessionOptions()
    # The network is small: more threads cost more than they give, and an arena only keeps memory.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _ERRORS_ONLY
    path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


class VoiceActivity:
    """Listens to one recording, piece by piece, in constant memory.

    Args:
        model: What `load_voice_model` returned.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - the library has no types
        self._model = model
        self._rest = b""
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._hidden = np.zeros(_STATE_SHAPE, np.float32)
        self._cell = np.zeros(_STATE_SHAPE, np.float32)

    def listen(self, pcm: bytes) -> Probabilities:
        """Take the next samples.

        Args:
            pcm: 16 kHz, mono, signed 16-bit little-endian.

        Returns:
            Probabilities from 0 to 1, one for each window that is complete; shape (windows,).
        """
        waiting = self._rest + pcm
        complete = len(waiting) - len(waiting) % _BYTES_PER_WINDOW
        self._rest = waiting[complete:]
        if not complete:
            return np.zeros(0, np.float32)
        samples = np.frombuffer(waiting, "<i2", complete // 2).astype(np.float32)
        windows = (samples / np.float32(_FULL_SCALE)).reshape(-1, WINDOW_SAMPLES)
        # The network wants to see the end of the window before each window.
        contexts = np.vstack([self._context, windows[:-1, -_CONTEXT_SAMPLES:]])
        self._context = windows[-1, -_CONTEXT_SAMPLES:]
        found, self._hidden, self._cell = self._model.run(
            None,
            {"input": np.hstack([contexts, windows]), "h": self._hidden, "c": self._cell},
        )
        return np.asarray(found, np.float32).reshape(-1)

    def finish(self) -> Probabilities:
        """Return the probability of the last, incomplete window; none if there is none."""
        missing = -len(self._rest) % _BYTES_PER_WINDOW
        return self.listen(bytes(missing))
