"""Decides how many people speak, and what their voices are like.

Voices are clustered from the bottom up, by the mean distance of all pairs (UPGMA: R. Sokal,
C. Michener, 1958). The distance of two voices is 1 - their cosine. The table of all distances
grows with the square of what is clustered, so a long recording is first clustered block by block
into small groups of nearly the same voice, and then these groups are clustered. The mean distance
of two groups is 1 - the product of their mean vectors, so both steps count in the same unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import (  # type: ignore[import-untyped, unused-ignore]
    fcluster,
    linkage,
)

_MOST_AT_ONCE = 2000
"""Groups in one table of distances, which takes 16 megabytes, and twice that while it is used."""
_FINER = 0.7
"""Share of the threshold at which the groups of a block are made."""
_COARSER = 1.2
"""By how much the threshold grows where there are still too many groups."""

_LEAST_SECONDS = 1.2
_LEAST_SHARE = 0.001
"""Who speaks for less, in seconds and of all speech, is taken for one of the others."""
_FEW_SECONDS, _FEW_COSINE = 5.0, 0.73
_RARE_SHARE, _RARE_COSINE = 0.01, 0.80
_SMALL_SHARE, _SMALL_COSINE = 0.15, 0.85
"""Who speaks for less, in seconds or of all speech, and sounds that much like two of the others
together, is these two: windows in which one takes over from the other without a pause. The more
there is of a mixture, the nearer its mean comes to the two."""
_FURTHEST_CUTS = 100
"""How many more groups than speakers are tried to find enough of them that aren't too small."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerCount:
    """What is known about how many people speak.

    Attributes:
        exact: How many; None if that isn't known.
        least: At least; None likewise.
        most: At most; None likewise.
    """

    exact: int | None = None
    least: int | None = None
    most: int | None = None

    def nearest(self, found: int) -> int:
        """Return the number of speakers to look for where as many were found."""
        if self.exact is not None:
            return self.exact
        wanted = max(found, self.least or 1)
        return wanted if self.most is None else min(wanted, self.most)


@dataclass(frozen=True)
class Groups:
    """Groups of voices.

    Attributes:
        means: One row of mean values for each; shorter the more its voices differ.
        counts: How many voices each has.
        seconds: How long each speaks.
    """

    means: Numbers
    counts: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.means)

    def part(self, first: int, end: int) -> Groups:
        """Return some of them."""
        return Groups(self.means[first:end], self.counts[first:end], self.seconds[first:end])

    def chosen(self, kept: NDArray[np.bool_]) -> Groups:
        """Return those that are marked."""
        return Groups(self.means[kept], self.counts[kept], self.seconds[kept])

    def voices(self) -> Numbers:
        """Return the mean vectors at length 1."""
        norms = np.linalg.norm(self.means, axis=1, keepdims=True)
        return np.asarray(self.means / norms, np.float32)

    def joined(self, labels: NDArray[np.int64]) -> Groups:
        """Return the groups that labels make of these, in the order of the labels."""
        _, numbers = np.unique(labels, return_inverse=True)
        size = int(numbers.max()) + 1
        counts = np.bincount(numbers, self.counts, size).astype(np.int64)
        sums = np.zeros((size, self.means.shape[1]), np.float32)
        np.add.at(sums, numbers, self.means * self.counts[:, np.newaxis].astype(np.float32))
        means = np.asarray(sums / counts[:, np.newaxis], np.float32)
        seconds = np.bincount(numbers, self.seconds, size).astype(np.float64)
        return Groups(means, counts, seconds)


def find_speakers(
    voices: Numbers, seconds: NDArray[np.float64], wanted: SpeakerCount, threshold: float
) -> Numbers:
    """Find the speakers of a recording.

    Args:
        voices: One vector of length 1 for each window of speech, in order of time.
        seconds: How long each window is.
        wanted: What is known about their number.
        threshold: The mean distance from which on two groups are two speakers.

    Returns:
        One vector of length 1 for each speaker; fewer than wanted if there are fewer windows.
    """
    groups = Groups(voices, np.ones(len(voices), np.int64), seconds.astype(np.float64))
    finer = threshold * _FINER
    while len(groups) > _MOST_AT_ONCE:
        groups = _condense(groups, finer)
        finer *= _COARSER
    if len(groups) > 1:
        groups = _cut(groups, wanted, threshold)
    return groups.voices()


def _condense(groups: Groups, threshold: float) -> Groups:
    parts = []
    for first in range(0, len(groups), _MOST_AT_ONCE):
        part = groups.part(first, first + _MOST_AT_ONCE)
        labels = fcluster(_tree(part), threshold, "distance") if len(part) > 1 else np.ones(1)
        parts.append(part.joined(labels.astype(np.int64)))
    return Groups(
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.seconds for part in parts]),
    )


def _tree(groups: Groups) -> NDArray[np.float64]:
    means = groups.means
    rows = [1 - means[number + 1 :] @ means[number] for number in range(len(means) - 1)]
    distances = np.maximum(np.concatenate(rows), 0)
    return np.asarray(linkage(distances, "average"), np.float64)


def _cut(groups: Groups, wanted: SpeakerCount, threshold: float) -> Groups:
    """Cut the tree where there are as many speakers as wanted, not counting who says too little."""
    tree = _tree(groups)
    least = max(_LEAST_SECONDS, _LEAST_SHARE * float(groups.seconds.sum()))
    found = _joined(groups, tree, threshold, "distance", least)
    number = wanted.nearest(len(found))
    if len(found) == number:
        return found
    for cuts in range(number, min(len(groups), number + _FURTHEST_CUTS) + 1):
        found = _joined(groups, tree, cuts, "maxclust", least)
        if len(found) == number:
            return found
    return _joined(groups, tree, number, "maxclust", 0.0)


def _joined(
    groups: Groups, tree: NDArray[np.float64], limit: float, criterion: str, least: float
) -> Groups:
    """Return the groups that a cut makes, without those that are no speakers; at least one."""
    joined = groups.joined(fcluster(tree, limit, criterion).astype(np.int64))
    joined = joined.chosen(joined.seconds >= min(least, float(joined.seconds.max())))
    return joined.chosen(~_are_mixed(joined)) if least else joined


def _are_mixed(groups: Groups) -> NDArray[np.bool_]:
    """Tell which groups are windows with two of the other speakers."""
    voices = groups.voices()
    seconds, every = groups.seconds, float(groups.seconds.sum())
    few, rare = seconds < _FEW_SECONDS, seconds < _RARE_SHARE * every
    needed = np.select([few, rare], [_FEW_COSINE, _RARE_COSINE], _SMALL_COSINE)
    small = few | (seconds < _SMALL_SHARE * every)
    mixed = np.zeros(len(groups), np.bool_)
    for number in np.argsort(seconds, kind="stable"):
        others = ~mixed
        others[number] = False
        if small[number]:
            likeness = _likeness_of_two(voices[number], voices[others])
            mixed[number] = likeness >= needed[number]
    return mixed


def _likeness_of_two(voice: Numbers, others: Numbers) -> float:
    """Return the cosine of a voice and the best sum of parts of two others; 0 if there is none.

    That sum is the voice's projection onto the plane of the two.
    """
    if len(others) < 2:  # noqa: PLR2004 - two
        return 0.0
    between = (others @ others.T).astype(np.float64)
    one = (others @ voice).astype(np.float64)[:, np.newaxis]
    np.fill_diagonal(between, 0)
    share = (one - between * one.T) / (1 - between**2)
    squares = np.where((share > 0) & (share.T > 0), share * one + share.T * one.T, 0)
    np.fill_diagonal(squares, 0)
    return float(np.sqrt(squares.max()))
