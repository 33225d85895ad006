"""Makes small recordings in many formats, and finds real ones."""

from __future__ import annotations

import csv
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.support.deployment import REPOSITORY
from tests.support.recordings import SPEECH

ENGINES = REPOSITORY / "engines"

PCM, FLOAT = 1, 3
"""Formats of samples in a WAV header."""


def tone(seconds: float, rate: int = 16_000, frequency: float = 440.0) -> NDArray[np.int16]:
    """A sine at a quarter of full scale."""
    times = np.arange(round(seconds * rate)) / rate
    return np.asarray(np.sin(2 * np.pi * frequency * times) * 8192, np.int16)


def stairs(seconds: int, rate: int = 16_000) -> NDArray[np.int16]:
    """A tone for each second, higher than the one before, so that each place can be told."""
    return np.concatenate([tone(1.0, rate, stair(second)) for second in range(seconds)])


def stair(second: int) -> float:
    """The frequency of that second's tone."""
    return 400.0 + 50 * second


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes without any sense, the same each time."""
    return np.random.default_rng(seed).bytes(size)


def write_wav(
    path: Path,
    samples: NDArray[Any],
    *,
    rate: int = 16_000,
    channels: int = 1,
    declared_bytes: int | None = None,
) -> Path:
    """A WAV file whose header may lie."""
    data = samples.tobytes()
    width = samples.dtype.itemsize
    size = len(data) if declared_bytes is None else declared_bytes
    kind = FLOAT if samples.dtype.kind == "f" else PCM
    speed = rate * channels * width & 0xFFFFFFFF
    block = channels * width & 0xFFFF
    head = struct.pack("<HHIIHH", kind, channels, rate, speed, block, 8 * width)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", (36 + size) & 0xFFFFFFFF) + b"WAVEfmt "
        b"" + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + data
    )
    return path


def encode(
    path: Path,
    container: str,
    codec: str,
    *,
    samples: NDArray[np.int16] | None = None,
    rate: int = 44_100,
    layout: str = "stereo",
    with_video: bool = False,
    options: dict[str, str] | None = None,
    skip_seconds: tuple[float, float] | None = None,
    piece: int = 1000,
    begins: int = 0,
) -> Path:
    """Encode a tone of two seconds, or the samples, which all channels get.

    Args:
        skip_seconds: A stretch of the time line that gets no packets: start and length.
        piece: Samples that are given to the encoder at once.
        begins: The second on the file's clock at which the recording begins.
    """
    given = tone(2.0, rate) if samples is None else samples
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        audio = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(audio, AudioStream)
        # FFmpeg asks this of those who use its own encoder of Vorbis.
        audio.codec_context.options = {"strict": "experimental"} if codec == "vorbis" else {}
        if with_video:
            video_codec = "libvpx" if container == "webm" else "mpeg4"
            add_video(output, len(given) / rate, video_codec, begins)
        for start in range(0, len(given), piece):
            if skip_seconds and skip_seconds[0] <= start / rate < sum(skip_seconds):
                continue
            frame = _frame(given[start : start + piece], rate, layout)
            frame.pts, frame.time_base = begins * rate + start, Fraction(1, rate)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
    return path


def encode_video_only(path: Path) -> Path:
    """An MP4 file of two seconds without sound."""
    with av.open(str(path), "w", format="mp4") as output:
        add_video(output, 2.0, "mpeg4")
    return path


def add_video(output: OutputContainer, seconds: float, codec: str, begins: int = 0) -> None:
    """Add a small picture that changes ten times a second."""
    video = output.add_stream(codec, rate=10)
    assert isinstance(video, VideoStream)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    for number in range(round(seconds * 10)):
        picture = np.full((64, 64, 3), number * 3 % 255, np.uint8)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = begins * 10 + number, Fraction(1, 10)
        output.mux(video.encode(frame))
    output.mux(video.encode(None))


def references(language: str | None = None) -> list[tuple[str, str, str]]:
    """Name, language and text of the real recordings."""
    with (SPEECH / "manifest.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        (row["file"], row["language"], row["reference_text"])
        for row in rows
        if language in (None, row["language"])
    ]


def _frame(samples: NDArray[np.int16], rate: int, layout: str) -> AudioFrame:
    channels = AudioLayout(layout).nb_channels
    interleaved = np.repeat(samples, channels)[np.newaxis, :]
    frame = AudioFrame.from_ndarray(interleaved, format="s16", layout=layout)
    frame.sample_rate = rate
    return frame
