"""The shape of a recording's sound, as a path of SVG."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1000, 100
"""The units that the path is drawn in; 0 is at the left, and at the top."""

_POINTS = 500
_FINEST_SAMPLES = 256
_BLOCK_FRAMES = 1 << 16
_SAMPLE_BYTES = 2
_FULL_SCALE = 32768

_Samples = NDArray[np.float32]


def waveform(path: Path) -> str | None:
    """Return the outline of a recording's loudest samples, up and down, from begin to end.

    WAV files of 16 bits are read by the standard library; others by PyAV, if it is installed.

    Returns:
        The path's `d`, or None if the recording can't be decoded here.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() == _SAMPLE_BYTES:
                return _outline(_peaks(_wav_blocks(file)))
    except (wave.Error, EOFError, OSError):
        pass
    return _outline(_peaks(_decoded_blocks(path)))


def _wav_blocks(file: wave.Wave_read) -> Iterator[_Samples]:
    channels = file.getnchannels()
    while data := file.readframes(_BLOCK_FRAMES):
        whole = len(data) // (_SAMPLE_BYTES * channels) * _SAMPLE_BYTES * channels
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, channels)
        yield samples.mean(axis=1, dtype=np.float32) / _FULL_SCALE


def _decoded_blocks(path: Path) -> Iterator[_Samples]:
    """Decode with PyAV; what can't be decoded gives nothing, and a broken file its begin."""
    try:
        import av  # noqa: PLC0415 - not part of the extra: the page does without
    except ModuleNotFoundError:
        return
    try:
        with av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}) as container:
            resampler: Any = av.AudioResampler("flt", "mono")
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    yield piece.to_ndarray()[0]
    except (av.FFmpegError, IndexError, ValueError):
        return


def _peaks(blocks: Iterator[_Samples]) -> NDArray[np.float32]:
    """Return lowest and highest sample of each of at most `_POINTS` equal stretches."""
    rows, rest = [np.empty((0, 2), np.float32)], np.empty(0, np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        whole = len(samples) // _FINEST_SAMPLES * _FINEST_SAMPLES
        pieces, rest = samples[:whole].reshape(-1, _FINEST_SAMPLES), samples[whole:]
        rows.append(np.stack([pieces.min(1), pieces.max(1)], 1))
    found = np.concatenate(rows)
    if len(found) <= _POINTS:
        return found
    begins = np.linspace(0, len(found), _POINTS, endpoint=False).astype(int)
    lowest = np.minimum.reduceat(found[:, 0], begins)
    return np.stack([lowest, np.maximum.reduceat(found[:, 1], begins)], 1)


def _outline(peaks: NDArray[np.float32]) -> str | None:
    if not len(peaks):
        return None
    middle = HEIGHT / 2
    across = [WIDTH * number / max(1, len(peaks) - 1) for number in range(len(peaks))]
    heights = middle - np.clip(peaks, -1, 1) * middle
    upper = [f"{x:.0f} {y:.1f}" for x, y in zip(across, heights[:, 1], strict=True)]
    lower = [f"{x:.0f} {y:.1f}" for x, y in zip(across, heights[:, 0], strict=True)]
    return f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z"
