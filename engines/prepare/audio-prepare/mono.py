"""Turns decoded frames of any kind into 16 kHz mono PCM, resampled.

What comes out is the mean of all channels, or one of them; one too where they cancel each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

from cancellation import Cancellation
from dalston.engine_sdk import TaskFailed
from media import check_channels, check_rate
from wav_writer import SAMPLE_RATE

_PIECE_SAMPLES = SAMPLE_RATE
"""Samples in a piece that comes out: one second."""
_FULL_SCALE = 32_768
_MOST_PLANES = 7
"""Channels up to which PyAV finds the end of a frame's planes. It looks for a null pointer behind
them, and FFmpeg puts none behind eight."""


def has_readable_planes(frame: AudioFrame) -> bool:
    """Tell whether a frame's samples can be looked at; FFmpeg's filters take those of any."""
    return not frame.format.is_planar or frame.layout.nb_channels <= _MOST_PLANES


class MonoConverter:
    """Converts frames; what they are like may change in the middle of a recording.

    Args:
        channel: The channel that is wanted, counted from 1; None means the mean of all. Where the
            recording hasn't that many, silence stands for it.

    Attributes:
        peak: The loudest sample so far, of 32,768.
    """

    def __init__(self, channel: int | None = None) -> None:
        self.peak = 0
        self._channel = channel
        self._cancellation = Cancellation() if channel is None else None
        self._graph: Graph | None = None
        self._kind: tuple[str, str, int] | None = None

    @property
    def cancelled_seconds(self) -> float:
        """For how long one channel stands for all, because their mean would be silence."""
        return self._cancellation.seconds if self._cancellation is not None else 0.0

    def convert(self, frame: AudioFrame) -> Iterator[bytes]:
        """Take one decoded frame and give what is ready.

        Yields:
            Signed 16-bit little-endian samples.

        Raises:
            TaskFailed: `unsupported_sample_rate`, `unsupported_channels` or `corrupt_audio`.
        """
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            yield from self.finish()
            self._graph, self._kind = _build_graph(frame, self._channel), kind
        if self._graph is None:  # pragma: no cover - set by the lines above
            return
        several = frame.layout.nb_channels > 1 and has_readable_planes(frame)
        if self._cancellation is not None and several:
            frame = self._cancellation.prevent(frame)
        # Time stamps are the time line's business; here only samples count.
        frame.pts = None
        self._graph.push(frame)
        yield from self._pull(self._graph)

    def finish(self) -> Iterator[bytes]:
        """Give what is still held back."""
        graph, self._graph, self._kind = self._graph, None, None
        if graph is not None:
            graph.push(None)
            yield from self._pull(graph)

    def _pull(self, graph: Graph) -> Iterator[bytes]:
        for samples in _pulled(graph):
            self.peak = max(self.peak, -int(samples.min(initial=0)), int(samples.max(initial=0)))
            yield samples.tobytes()


def _build_graph(frame: AudioFrame, channel: int | None) -> Graph:
    channels, rate = frame.layout.nb_channels, frame.sample_rate
    check_channels(channels)
    check_rate(rate)
    graph = Graph()
    filters = [
        graph.add_abuffer(
            sample_rate=rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, rate),
        )
    ]
    if channel is not None:
        source = f"c{channel - 1}" if channel <= channels else "0*c0"
        filters.append(graph.add("pan", f"mono|c0={source}"))
    elif channels > 1:
        share = "+".join(f"{1 / channels:.9f}*c{number}" for number in range(channels))
        filters.append(graph.add("pan", f"mono|c0={share}"))
    filters.append(graph.add("aresample", str(SAMPLE_RATE)))
    filters.append(
        graph.add(
            "aformat", sample_fmts="flt", sample_rates=str(SAMPLE_RATE), channel_layouts="mono"
        )
    )
    filters.append(graph.add("abuffersink"))
    graph.link_nodes(*filters).configure()
    graph.set_audio_frame_size(_PIECE_SAMPLES)
    return graph


def _pulled(graph: Graph) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield _as_pcm(frame.to_ndarray()[0])


def _as_pcm(
    samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    # One sample that is not a number makes all that the filter mixes it with not a number.
    if not np.isfinite(samples).all():
        raise TaskFailed(
            "corrupt_audio",
            "The recording has samples that are not numbers. Export it again, best as 16-bit WAV "
            "or FLAC.",
        )
    scaled = np.rint(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
