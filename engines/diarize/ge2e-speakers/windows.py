"""Cuts speech into the windows that the voice encoder listens to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recording import SAMPLE_RATE, Recording
from spectrum import FRAMES_PER_SECOND, Spectrum, level, spectrum
from turns import Stretch
from voice_activity import Span
from voice_encoder import BATCH, LONGEST, VoiceEncoder

_STEP = 80
"""Frames from window to window, at most. Half of it takes twice as long and finds no more."""
_LONGEST_STRETCH = 20 * SAMPLE_RATE
"""Samples that are looked at together."""


@dataclass(frozen=True)
class _Window:
    stretch: int
    start: float
    end: float
    spectrum: Spectrum


def listen(
    recording: Recording,
    spans: Sequence[Span],
    encoder: VoiceEncoder,
    heard: Callable[[float], None],
) -> list[Stretch]:
    """Return the voices in all speech.

    Args:
        recording: The recording.
        spans: Where there is speech, in order.
        encoder: The network.
        heard: Is told up to which second of the recording it has listened.
    """
    pieces = [piece for span in spans for piece in _pieces(span)]
    starts: list[list[float]] = [[] for _ in pieces]
    ends: list[list[float]] = [[] for _ in pieces]
    voices: list[list[np.ndarray[tuple[int], np.dtype[np.float32]]]] = [[] for _ in pieces]
    for batch in _batches(recording, pieces):
        vectors = encoder.encode([window.spectrum for window in batch])
        for window, vector in zip(batch, vectors, strict=True):
            starts[window.stretch].append(window.start)
            ends[window.stretch].append(window.end)
            voices[window.stretch].append(vector)
        heard(batch[-1].end)
    return [
        Stretch(
            piece.start / SAMPLE_RATE,
            piece.end / SAMPLE_RATE,
            np.array(starts[number]),
            np.array(ends[number]),
            np.stack(voices[number]),
        )
        for number, piece in enumerate(pieces)
    ]


def _pieces(span: Span) -> Iterator[Span]:
    """Cut a span into equal parts that are not too long."""
    count = -(-(span.end - span.start) // _LONGEST_STRETCH)
    edges = np.linspace(span.start, span.end, count + 1).round().astype(int).tolist()
    for start, end in pairwise(edges):
        yield Span(start, end)


def _batches(recording: Recording, pieces: Sequence[Span]) -> Iterator[list[_Window]]:
    batch: list[_Window] = []
    for number, piece in enumerate(pieces):
        for window in _windows(recording, number, piece):
            batch.append(window)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _windows(recording: Recording, number: int, piece: Span) -> Iterator[_Window]:
    whole = spectrum(level(recording.read(piece.start, piece.end)))
    surplus = max(0, len(whole) - LONGEST)
    steps = -(-surplus // _STEP)
    begin, end = piece.start / SAMPLE_RATE, piece.end / SAMPLE_RATE
    for first in np.linspace(0, surplus, steps + 1).round().astype(int).tolist():
        # A copy, so that the whole spectrum can go.
        part = whole[first : first + LONGEST].copy()
        start = begin + first / FRAMES_PER_SECOND
        yield _Window(number, start, min(end, start + len(part) / FRAMES_PER_SECOND), part)
