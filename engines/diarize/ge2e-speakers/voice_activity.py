"""Finds where somebody speaks, with Silero VAD v6 (MIT licence).

The model is the ONNX file that the package faster-whisper carries. That package is not imported,
since it would load a whole speech recogniser with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from dalston.engine_sdk import TaskFailed
from recording import SAMPLE_RATE, Recording

_PACKAGE, _FILE = "faster_whisper", "assets/silero_vad_v6.onnx"

_FRAME = 512
"""Samples that the model judges at once: 32 milliseconds."""
FRAME_SECONDS = _FRAME / SAMPLE_RATE
_CONTEXT = 64
"""Samples before a frame that the model sees as well."""
_BLOCK = 1024 * _FRAME
_STATE = (1, 1, 128)

_SPEECH_FROM = 0.5
_SPEECH_TO = 0.35
"""Probabilities from which speech starts, and below which it ends: the model's usual ones."""
_SHORTEST_PAUSE = 6
_SHORTEST_SPEECH = 4
"""In frames: 192 and 128 milliseconds."""
_MARGIN = 480
"""Samples added at each side, because the first and last sounds of speech are weak: 30 ms."""


@dataclass(frozen=True)
class Span:
    """A stretch of speech without a pause.

    Attributes:
        start: Its first sample.
        end: The sample behind its last.
    """

    start: int
    end: int


class VoiceDetector:
    """The model, loaded; it computes on one processor.

    Raises:
        TaskFailed: `engine_not_installed`.
    """

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(_model_file()), options, providers=["CPUExecutionProvider"]
        )

    def probabilities(self, recording: Recording) -> Iterator[NDArray[np.float32]]:
        """Give how probable speech is in each frame, block by block.

        Args:
            recording: What to listen to.
        """
        hidden, cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        before = np.zeros(_CONTEXT, np.float32)
        for samples in recording.blocks(_BLOCK):
            frames = np.pad(samples, (0, -len(samples) % _FRAME)).reshape(-1, _FRAME)
            contexts = np.vstack([before, frames[:-1, -_CONTEXT:]])
            before = frames[-1, -_CONTEXT:]
            given = {"input": np.hstack([contexts, frames]), "h": hidden, "c": cell}
            found, hidden, cell = self._session.run(None, given)
            yield np.asarray(found, np.float32).ravel()


def find_spans(probabilities: NDArray[np.float32], samples: int) -> list[Span]:
    """Return the speech of a recording, in order.

    Args:
        probabilities: Of speech, for each frame.
        samples: The recording's length; no span goes beyond it.
    """
    found: list[Span] = []
    start: int | None = None
    quiet_from: int | None = None
    for frame, probability in enumerate(probabilities):
        if probability >= _SPEECH_FROM:
            start = frame if start is None else start
            quiet_from = None
        elif probability < _SPEECH_TO and start is not None:
            quiet_from = frame if quiet_from is None else quiet_from
            if frame - quiet_from >= _SHORTEST_PAUSE:
                found.append(Span(start, quiet_from))
                start = quiet_from = None
    if start is not None:
        found.append(Span(start, len(probabilities) if quiet_from is None else quiet_from))
    return [
        Span(max(0, span.start * _FRAME - _MARGIN), min(samples, span.end * _FRAME + _MARGIN))
        for span in found
        if span.end - span.start >= _SHORTEST_SPEECH
    ]


def _model_file() -> Path:
    package = find_spec(_PACKAGE)
    folders = [] if package is None else list(package.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise TaskFailed(
        "engine_not_installed",
        "The engine ge2e-speakers needs the voice detector (Silero VAD v6) that the package "
        "faster-whisper 1.2 carries. Install it: pip install 'dalston[speech,diarize]', in a "
        "checkout .venv/bin/pip install -e '.[speech,diarize]'",
    )
