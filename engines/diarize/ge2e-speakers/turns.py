"""From what each window of speech sounds like to who speaks when.

Speech is cut into cells of a tenth of a second. Each cell gets a score for each speaker from the
windows that lie over it; then the best sequence is looked for in which a change of speaker costs
something, the less the longer the pause before it (A. Viterbi, 1967).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELL_SECONDS = 0.1
_CHANGE_COST = 0.3
"""In units of a cell's score, which is a cosine."""
_PAUSE_SECONDS = 0.5
"""In how long a pause the cost falls to 1/e of that."""
_JOINED_PAUSE = 0.5
"""Seconds up to which a pause of a speaker doesn't end the turn."""
_SAME_INSTANT = 1e-6

Numbers = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """A time in which one speaker speaks.

    Attributes:
        start: Seconds.
        end: Seconds.
        speaker: The number of a row of the speakers' voices.
    """

    start: float
    end: float
    speaker: int


@dataclass(frozen=True)
class Stretch:
    """Some speech without a pause, and the voice in it.

    Attributes:
        start: Seconds.
        end: Seconds.
        starts: Of the windows that lie over it, in seconds.
        ends: Likewise.
        voices: One row for each window.
    """

    start: float
    end: float
    starts: Times
    ends: Times
    voices: Numbers


def find_turns(stretches: Sequence[Stretch], speakers: Numbers) -> list[Turn]:
    """Return who speaks when, in order of time; no two turns overlap.

    Args:
        stretches: All speech, in order of time.
        speakers: One row for each speaker's voice; at least one.
    """
    edges = [_edges(stretch) for stretch in stretches]
    scores = [
        _scores(stretch, _middles(cut), speakers)
        for stretch, cut in zip(stretches, edges, strict=True)
    ]
    starts = np.concatenate([cut[:-1] for cut in edges])
    ends = np.concatenate([cut[1:] for cut in edges])
    path = _best_path(np.concatenate(scores), starts[1:] - ends[:-1])
    return _join(starts, ends, path)


def _edges(stretch: Stretch) -> Times:
    cells = max(1, round((stretch.end - stretch.start) / _CELL_SECONDS))
    return np.linspace(stretch.start, stretch.end, cells + 1)


def _middles(edges: Times) -> Times:
    return (edges[:-1] + edges[1:]) / 2


def _scores(stretch: Stretch, middles: Times, speakers: Numbers) -> Numbers:
    """Return the mean likeness of the windows over each cell, the nearer ones counting more."""
    centres = (stretch.starts + stretch.ends) / 2
    halves = np.maximum((stretch.ends - stretch.starts) / 2, _CELL_SECONDS)
    weights = np.maximum(1 - np.abs(middles[:, np.newaxis] - centres) / halves, 1e-3)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ (stretch.voices @ speakers.T), np.float32)


def _best_path(scores: Numbers, pauses: Times) -> NDArray[np.int64]:
    """Return the speaker of each cell.

    Args:
        scores: A row for each cell, a column for each speaker.
        pauses: Seconds before each cell but the first.
    """
    cells, speakers = scores.shape
    costs = _CHANGE_COST * np.exp(-pauses / _PAUSE_SECONDS)
    before = np.zeros((cells, speakers), np.int16)
    stay = np.arange(speakers, dtype=np.int16)
    total = scores[0].astype(np.float64)
    for cell in range(1, cells):
        best = int(total.argmax())
        after_change = total[best] - costs[cell - 1]
        before[cell] = np.where(total >= after_change, stay, best)
        total = np.maximum(total, after_change) + scores[cell]
    path = np.empty(cells, np.int64)
    path[-1] = total.argmax()
    for cell in range(cells - 1, 0, -1):
        path[cell - 1] = before[cell, path[cell]]
    return path


def _join(starts: Times, ends: Times, path: NDArray[np.int64]) -> list[Turn]:
    found: list[Turn] = []
    for start, end, speaker in zip(starts.tolist(), ends.tolist(), path.tolist(), strict=True):
        last = found[-1] if found else None
        if last and last.speaker == speaker and start - last.end <= _JOINED_PAUSE + _SAME_INSTANT:
            found[-1] = Turn(last.start, end, speaker)
        else:
            found.append(Turn(start, end, speaker))
    return found
