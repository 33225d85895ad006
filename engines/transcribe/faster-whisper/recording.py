"""Reads a recording in windows that are cut in pauses, so that memory stays small."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps
from numpy.typing import NDArray

from dalston.engine_sdk import TaskFailed

SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32_768

_LONGEST_WINDOW_SECONDS = 300
"""A window's spectrum and its preliminaries take about a megabyte for each second."""
_SEARCH_SECONDS = 60
"""How far from a window's end a pause is looked for."""
_SHORTEST_PAUSE_MS = 200

_OWN_FORMATS = "wav,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,aac"
"""Containers that are read when no engine has prepared the recording; none opens other files."""

Samples = NDArray[np.float32]
Spans = list[dict[str, int]]


@dataclass(frozen=True)
class Window:
    """A stretch of the recording.

    Attributes:
        start: Seconds from the recording's start.
        samples: Mono, 16 kHz, from -1 to 1.
    """

    start: float
    samples: Samples

    @property
    def end(self) -> float:
        """Seconds from the recording's start."""
        return self.start + len(self.samples) / SAMPLE_RATE


class Recording:
    """A recording as 16 kHz mono samples.

    Args:
        path: Best `audio.wav` as the engine audio-prepare makes it; any other common format is
            decoded first.
        work_folder: Where to put what is decoded.

    Attributes:
        duration: Seconds.

    Raises:
        TaskFailed: `undecodable_audio`.
    """

    def __init__(self, path: Path, work_folder: Path) -> None:
        self._path = path if _is_prepared(path) else _decode(path, work_folder / "decoded.wav")
        with wave.open(str(self._path), "rb") as file:
            self.duration = file.getnframes() / SAMPLE_RATE

    def windows(self) -> Iterator[Window]:
        """Give the recording piece by piece; each but the last ends in a pause, if there is one."""
        longest = _LONGEST_WINDOW_SECONDS * SAMPLE_RATE
        position = 0
        rest = np.zeros(0, np.float32)
        with wave.open(str(self._path), "rb") as file:
            while True:
                more = _as_floats(file.readframes(longest - len(rest)))
                samples = np.concatenate([rest, more])
                if len(samples) < longest:
                    yield Window(position / SAMPLE_RATE, samples)
                    return
                cut = _pause_near_end(samples)
                yield Window(position / SAMPLE_RATE, samples[:cut])
                position, rest = position + cut, samples[cut:].copy()


def speech_spans(samples: Samples, **options: float) -> Spans:
    """Return where somebody speaks, in samples, as `start` and `end`."""
    found: Spans = get_speech_timestamps(samples, VadOptions(**options))
    return found


def only_speech(samples: Samples, spans: Spans) -> Samples:
    """Return the samples of some spans, one behind the other, and a second of silence.

    Without the silence a model often takes the last sentence for one that goes on, and hears it
    again by itself.
    """
    pieces, _ = collect_chunks(samples, spans)
    return np.concatenate([*pieces, np.zeros(SAMPLE_RATE, np.float32)])


def _pause_near_end(samples: Samples) -> int:
    """Return the sample in the middle of the longest pause within the last minute."""
    first = len(samples) - _SEARCH_SECONDS * SAMPLE_RATE
    spans = speech_spans(
        samples[first:], min_silence_duration_ms=_SHORTEST_PAUSE_MS, speech_pad_ms=0
    )
    ends = [0, *(span["end"] for span in spans)]
    starts = [*(span["start"] for span in spans), len(samples) - first]
    length, middle = max(
        (start - end, (start + end) // 2) for end, start in zip(ends, starts, strict=True)
    )
    return first + middle if length > 0 else len(samples)


def _as_floats(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)


def _is_prepared(path: Path) -> bool:
    try:
        with wave.open(str(path), "rb") as file:
            kind = (file.getframerate(), file.getnchannels(), file.getsampwidth())
    except (wave.Error, EOFError):
        return False
    return kind == (SAMPLE_RATE, 1, _BYTES_PER_SAMPLE)


def _decode(source: Path, target: Path) -> Path:
    options = {"format_whitelist": _OWN_FORMATS, "protocol_whitelist": "file"}
    try:
        with av.open(f"file:{source}", "r", options=options) as container:
            _write_wav(container.decode(audio=0), target)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise TaskFailed(
            "undecodable_audio",
            "The file can't be read as sound. Put the stage `prepare` with the engine "
            "audio-prepare in front, which takes more formats and says what is wrong.",
        ) from error
    return target


def _write_wav(frames: Iterator[Any], target: Path) -> None:
    resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE)
        for frame in chain(frames, (None,)):
            for piece in resampler.resample(frame):
                file.writeframes(piece.to_ndarray().tobytes())
