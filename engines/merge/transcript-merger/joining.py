"""Joins two chunks that overlap because nobody paused at the cut."""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher
from typing import Any

_SAME_TIME_SECONDS = 0.8
"""How far apart two chunks may put the same word."""

Words = list[dict[str, Any]]


def join(before: Words, after: Words, *, at: float, begins: float) -> tuple[int, int] | None:
    """Find where to leave one chunk and go on with the next, so that each word comes once.

    Both chunks have the words around the cut, but may put a word that lies on it to different
    sides. So the change is made behind a word that both of them have.

    Args:
        before: All words of the first chunk, times in seconds of the recording.
        after: All words of the second.
        at: Where the cut is.
        begins: Where the second chunk's sound begins.

    Returns:
        How many words of the first chunk stay, and the first word of the second that does; None
        if the two have no word in common there.
    """
    first = next((n for n, word in enumerate(before) if word["end"] > begins), len(before))
    ends = max((word["end"] for word in before[first:]), default=begins)
    last = next((n for n, word in enumerate(after) if word["start"] >= ends), len(after))
    pairs = _same_words(before[first:], after[:last])
    if not pairs:
        return None
    one, other = min(pairs, key=lambda pair: abs(_middle(before[first + pair[0]]) - at))
    return first + one + 1, other + 1


def _same_words(before: Words, after: Words) -> list[tuple[int, int]]:
    one, other = [_plain(word) for word in before], [_plain(word) for word in after]
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    pairs = [
        (block.a + step, block.b + step)
        for block in blocks
        for step in range(block.size)
        if one[block.a + step]
    ]
    return [
        (first, second)
        for first, second in pairs
        if abs(_middle(before[first]) - _middle(after[second])) <= _SAME_TIME_SECONDS
    ]


def _plain(word: dict[str, Any]) -> str:
    """Return a word's letters and digits, without case and marks."""
    text = unicodedata.normalize("NFKC", str(word["text"])).casefold()
    return "".join(character for character in text if character.isalnum())


def _middle(word: dict[str, Any]) -> float:
    return (float(word["start"]) + float(word["end"])) / 2
