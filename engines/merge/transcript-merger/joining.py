"""Joins two chunks that overlap because nobody paused at the cut."""

from __future__ import annotations

import unicodedata
from typing import Any

from dalston.engine_sdk.wording import belongs_to_word

_SAME_TIME_SECONDS = 0.8
"""How far apart two chunks may put the same word."""
_ROUGHLY_SAME_SECONDS = 3.0
"""The same where the times of words are only guessed from those of a longer text."""
_LEAST_LIKENESS = 0.2
"""What two equal words at that distance count; at the same time they count 1."""

Words = list[dict[str, Any]]


def join(
    before: Words, after: Words, *, at: float, begins: float, rough: bool = False
) -> tuple[int, int] | None:
    """Find where to leave one chunk and go on with the next, so that each word comes once.

    Both chunks have the words around the cut, but may put a word that lies on it to different
    sides. So the change is made behind a word that both of them have.

    Args:
        before: All words of the first chunk, times in seconds of the recording.
        after: All words of the second.
        at: Where the cut is.
        begins: Where the second chunk's sound begins.
        rough: Whether times of words are only guessed.

    Returns:
        How many words of the first chunk stay, and the first word of the second that does; None
        if the two have no word in common there.
    """
    within = _ROUGHLY_SAME_SECONDS if rough else _SAME_TIME_SECONDS
    early = begins - within if rough else begins
    first = next((n for n, word in enumerate(before) if word["end"] > early), len(before))
    ends = max((word["end"] for word in before[first:]), default=begins)
    late = ends + within if rough else ends
    last = next((n for n, word in enumerate(after) if word["start"] >= late), len(after))
    pairs = _same_words(before[first:], after[:last], within)
    if not pairs:
        return None
    one, other = min(pairs, key=lambda pair: abs(_middle(before[first + pair[0]]) - at))
    return first + one + 1, other + 1


def _same_words(before: Words, after: Words, within: float) -> list[tuple[int, int]]:
    """Return which words are the same, in order: as many, and as near in time, as can be.

    Who says "no, no, no" says one word three times: only the times tell which is which.
    """
    likeness = _likeness(before, after, within)
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for one in reversed(range(len(before))):
        for other in reversed(range(len(after))):
            paired = likeness[one][other] + best[one + 1][other + 1]
            best[one][other] = max(paired, best[one + 1][other], best[one][other + 1])
    pairs = []
    one = other = 0
    while one < len(before) and other < len(after):
        if best[one][other] == best[one + 1][other]:
            one += 1
        elif best[one][other] == best[one][other + 1]:
            other += 1
        else:
            pairs.append((one, other))
            one, other = one + 1, other + 1
    return pairs


def _likeness(before: Words, after: Words, within: float) -> list[list[float]]:
    """Return for each word and each of the others from 0 to 1 how much they are the same."""
    texts = [plain(word) for word in after]
    table = []
    for word in before:
        text, when = plain(word), _middle(word)
        apart = (abs(when - _middle(other)) / within for other in after)
        table.append(
            [
                1 - share * (1 - _LEAST_LIKENESS) if text and text == known and share <= 1 else 0.0
                for known, share in zip(texts, apart, strict=True)
            ]
        )
    return table


def plain(word: dict[str, Any]) -> str:
    """Return a word's letters and digits, without case and punctuation."""
    text = unicodedata.normalize("NFKC", str(word["text"])).casefold()
    return "".join(character for character in text if belongs_to_word(character))


def _middle(word: dict[str, Any]) -> float:
    return (float(word["start"]) + float(word["end"])) / 2
