"""Where chunks begin and end, decided from the voice detector's figures alone."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.engine_sdk.testing import EngineUnderTest

WINDOW = 512
PER_SECOND = 16_000 / WINDOW
DEFAULTS = (48.0, 300.0, 2.0)
"""Seconds of speech in a chunk, of sound in a chunk, and of overlap."""


def stretches(*lengths: float, seed: int = 1) -> NDArray[np.float64]:
    """Figures for stretches of speech and silence in turn, in seconds; speech comes first."""
    chance = np.random.default_rng(seed)
    return np.concatenate(
        [
            chance.uniform(0.0, 0.3, round(seconds * PER_SECOND))
            if number % 2
            else chance.uniform(0.5, 1.0, round(seconds * PER_SECOND))
            for number, seconds in enumerate(lengths)
        ]
    )


def plan(
    prepare: EngineUnderTest,
    figures: NDArray[np.float64],
    settings: tuple[float, float, float] = DEFAULTS,
    *,
    piece: int = 31,
) -> list[Any]:
    """Chunks of a recording, in samples; checks what holds for all of them."""
    assert prepare.spec.id == "audio-prepare"
    planner = sys.modules["chunk_planning"].ChunkPlanner(*settings)
    chunks: list[Any] = []
    needed = 0
    for first in range(0, len(figures), piece):
        found = planner.take(figures[first : first + piece])
        assert all(chunk.start >= needed for chunk in found), "samples that were let go"
        chunks += found
        assert planner.needed_from >= needed
        needed = planner.needed_from
        waiting = (first + piece) * WINDOW - needed
        assert waiting / 16_000 <= settings[1] + 1.1, "more than a chunk waits in memory"
    samples = len(figures) * WINDOW - 100
    last = planner.finish(samples)
    if last is not None:
        assert last.start >= needed
        chunks.append(last)
    check(chunks, figures, samples, settings)
    return chunks


def check(
    chunks: list[Any],
    figures: NDArray[np.float64],
    samples: int,
    settings: tuple[float, float, float],
) -> None:
    assert chunks[0].core_start == 0
    for before, after in pairwise(chunks):
        assert before.core_end == after.core_start
    for chunk in chunks:
        assert 0 <= chunk.start < chunk.end <= samples
        assert chunk.core_start < chunk.core_end <= samples
        assert chunk.end - chunk.start <= (settings[1] + settings[2] + 1) * 16_000
        spoken = np.flatnonzero(
            figures[chunk.core_start // WINDOW : chunk.core_end // WINDOW] >= 0.5
        )
        if len(spoken):
            first, last = (chunk.core_start // WINDOW + spoken[[0, -1]]).tolist()
            assert chunk.start <= first * WINDOW, "speech before the file"
            assert chunk.end >= min((last + 1) * WINDOW, samples), "speech behind the file"
    silent_behind = figures[-(-chunks[-1].core_end // WINDOW) :]
    assert not (silent_behind >= 0.5).any(), "speech that belongs to no chunk"


def test_what_is_short_is_one_chunk(prepare: EngineUnderTest) -> None:
    for lengths in [(3.0,), (20.0, 5.0, 35.0), (0.0, 8.0), (59.0,)]:
        figures = stretches(*lengths)
        (chunk,) = plan(prepare, figures)
        assert (chunk.start, chunk.end) == (0, len(figures) * WINDOW - 100)


def test_a_cut_lies_in_the_middle_of_a_pause(prepare: EngineUnderTest) -> None:
    lengths = [value for _ in range(60) for value in (4.0, 0.512)]
    figures = stretches(*lengths)
    chunks = plan(prepare, figures)
    assert len(chunks) >= 5
    for before, after in pairwise(chunks):
        assert before.end == before.core_end == after.core_start == after.start
        offset = before.core_end / 16_000 % 4.512
        assert offset == pytest.approx(4.256, abs=0.05)
        assert 43 <= (before.end - before.start) / 16_000 <= 53


def test_a_long_pause_is_better_than_a_short_one(prepare: EngineUnderTest) -> None:
    lengths = [4.0, 0.3] * 10 + [4.0, 0.9] + [4.0, 0.3] * 12
    first, *_ = plan(prepare, stretches(*lengths))
    assert first.end / 16_000 == pytest.approx(10 * 4.3 + 4.45, abs=0.2)


def test_without_a_pause_two_chunks_overlap(prepare: EngineUnderTest) -> None:
    figures = stretches(105.0)
    dip = round(50 * PER_SECOND)
    figures[dip - 3 : dip + 3] = 0.36
    chunks = plan(prepare, figures)
    assert len(chunks) == 2
    assert chunks[0].core_end / WINDOW == pytest.approx(dip, abs=4)
    for before, after in pairwise(chunks):
        assert before.end - before.core_end == pytest.approx(2 * 16_000, abs=WINDOW)
        assert after.core_start - after.start == pytest.approx(2 * 16_000, abs=WINDOW)


def test_a_long_silence_is_in_no_file(prepare: EngineUnderTest) -> None:
    chunks = plan(prepare, stretches(20.0, 3600.0, 30.0, 4000.0))
    assert len(chunks) == 2
    assert sum(chunk.end - chunk.start for chunk in chunks) / 16_000 == pytest.approx(80, abs=1)
    assert chunks[1].start / 16_000 == pytest.approx(3610, abs=1)


def test_a_silence_of_some_seconds_is_in_a_file(prepare: EngineUnderTest) -> None:
    chunks = plan(prepare, stretches(50.0, 15.0, 50.0))
    assert [chunk.start for chunk in chunks] == [0, chunks[0].end]


def test_words_far_apart_share_a_chunk(prepare: EngineUnderTest) -> None:
    """Else a model that looks at half a minute at a time would work ten times as long."""
    chunks = plan(prepare, stretches(*[2.0, 28.0] * 120))
    assert 12 <= len(chunks) <= 16


def test_a_recording_without_speech_is_one_chunk(prepare: EngineUnderTest) -> None:
    (short,) = plan(prepare, stretches(0.0, 60.0))
    assert (short.start, short.end) == (0, short.core_end)
    (long,) = plan(prepare, stretches(0.0, 3600.0))
    assert (long.core_start, long.core_end) == (0, round(3600 * PER_SECOND) * WINDOW - 100)
    assert (long.end - long.start) / 16_000 <= 11


@pytest.mark.parametrize("seed", range(16))
def test_whatever_comes_no_speech_is_lost(prepare: EngineUnderTest, seed: int) -> None:
    chance = np.random.default_rng(seed)
    scales = chance.choice([0.1, 1.0, 10.0, 40.0], 2)
    lengths = [float(chance.exponential(scales[number % 2])) for number in range(30)]
    figures = stretches(*lengths, seed=seed)
    settings = [DEFAULTS, (10.0, 20.0, 1.0), (5.0, 10.0, 10.0), (120.0, 60.0, 2.0)][seed % 4]
    at_once = plan(prepare, figures, settings, piece=len(figures))
    one_by_one = plan(prepare, figures, settings, piece=1)
    assert at_once == one_by_one
