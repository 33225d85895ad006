"""How voices become speakers, and how a recording of many hours stays small in memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.engine_sdk.loading import load_engine_class
from tests.engines.sounds import ENGINES

FOLDER = ENGINES / "diarize" / "ge2e-speakers"
THRESHOLD = 0.36
SECONDS = 1.6

Numbers = NDArray[np.float32]


@pytest.fixture(scope="module")
def speakers() -> Iterator[ModuleType]:
    """The engine's module of that name, imported as an engine's child does."""
    load_engine_class(FOLDER)
    import speakers as module  # type: ignore[import-not-found, unused-ignore]

    yield module
    sys.modules.pop("speakers")


def voices(*shares: int, seed: int = 1) -> tuple[Numbers, NDArray[np.int64]]:
    """Windows of some speakers in random order: as far apart as real ones, and whose they are."""
    rng = np.random.default_rng(seed)
    centres = np.abs(rng.normal(size=(len(shares), 256))) ** 2
    owners = rng.permutation(np.repeat(np.arange(len(shares)), shares))
    found = centres[owners] + np.abs(rng.normal(size=(len(owners), 256))) * 0.7
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.astype(np.float32), owners


def find(
    speakers: ModuleType, found: Numbers, *, threshold: float = THRESHOLD, **wanted: int
) -> Numbers:
    seconds = np.full(len(found), SECONDS)
    voices: Numbers = speakers.find_speakers(
        found, seconds, speakers.SpeakerCount(**wanted), threshold
    )
    return voices


def assigned(found: Numbers, centres: Numbers) -> NDArray[np.int64]:
    return np.asarray((found @ centres.T).argmax(axis=1), np.int64)


def agreement(owners: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of the windows that have the label that most of their speaker's have."""
    right = sum(np.bincount(labels[owners == owner]).max() for owner in np.unique(owners))
    return float(right) / len(owners)


def test_one_window_is_one_speaker(speakers: ModuleType) -> None:
    found, _ = voices(1)
    assert find(speakers, found) == pytest.approx(found, abs=1e-6)
    assert len(find(speakers, found, exact=3)) == 1


@pytest.mark.parametrize("shares", [(40,), (30, 20), (50, 9, 4), (8, 8, 8, 8, 8, 8)])
def test_speakers_are_found(speakers: ModuleType, shares: tuple[int, ...]) -> None:
    found, owners = voices(*shares)
    centres = find(speakers, found)
    assert len(centres) == len(shares)
    assert agreement(owners, assigned(found, centres)) == 1.0


@pytest.mark.parametrize(
    ("wanted", "count"),
    [({"exact": 2}, 2), ({"exact": 5}, 5), ({"least": 4}, 4), ({"most": 1}, 1), ({"least": 2}, 3)],
)
def test_the_number_is_honoured(speakers: ModuleType, wanted: dict[str, int], count: int) -> None:
    found, _ = voices(30, 30, 30)
    assert len(find(speakers, found, **wanted)) == count


def test_windows_with_two_speakers_are_no_third(speakers: ModuleType) -> None:
    found, _ = voices(30, 30)
    rows = find(speakers, found)
    both = rows.sum(axis=0)
    both /= np.linalg.norm(both)
    mixed = np.concatenate([found, np.tile(both, (2, 1))])
    assert 1 - float(rows[0] @ both) > 0.1
    assert len(find(speakers, mixed, threshold=0.15)) == len(find(speakers, found, threshold=0.15))


def test_a_long_recording_has_the_same_speakers(speakers: ModuleType) -> None:
    """So many windows that they are clustered in blocks: ten hours of speech."""
    found, owners = voices(24_000, 12_000, 8_000, 900, 100)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        centres = find(speakers, found)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(centres) == 5
    assert agreement(owners, assigned(found, centres)) > 0.999
    # All distances at once would be 8 gigabytes.
    assert peak - before < 150e6


def test_blocks_can_be_told_how_many(speakers: ModuleType) -> None:
    found, _ = voices(3_000, 2_000)
    assert len(find(speakers, found, exact=2)) == 2
    assert len(find(speakers, found, exact=1)) == 1
    assert len(find(speakers, found, exact=4)) == 4
