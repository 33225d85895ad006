"""Takes segments apart and keeps their text as it was written."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from dalston.engine_sdk.wording import joined, words_in


def words_of(segment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a segment's words; none if they aren't known."""
    words: list[dict[str, Any]] = segment.get("words") or []
    return words


def spread_words(segment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the words of a segment's text with times by the letters in front of them.

    Where a script has no spaces, each letter counts as a word.
    """
    texts = words_in(str(segment["text"]))
    start, length = float(segment["start"]), float(segment["end"]) - float(segment["start"])
    letters = sum(map(len, texts))
    ends = [start + length * count / letters for count in accumulate(map(len, texts))]
    starts = [start, *ends]
    return [
        {"text": text, "start": begins, "end": end}
        for text, begins, end in zip(texts, starts, ends, strict=False)
    ]


def cut_segment(segment: dict[str, Any], first: int, last: int) -> dict[str, Any] | None:
    """Return a segment with some of its words.

    Args:
        segment: A segment that has words.
        first: Number of the first word that stays.
        last: Number of the word behind the last one.

    Returns:
        The segment itself if all words stay, None if none does.
    """
    words = words_of(segment)
    # A negative number would count from the end: to where a segment behind the join has no words.
    first, last = (min(max(number, 0), len(words)) for number in (first, last))
    if (first, last) == (0, len(words)):
        return segment
    kept = words[first:last]
    if not kept:
        return None
    return {
        **segment,
        "start": kept[0]["start"] if first else segment["start"],
        "end": kept[-1]["end"] if last < len(words) else segment["end"],
        "text": _text(segment, first, last),
        "words": kept,
    }


def _text(segment: dict[str, Any], first: int, last: int) -> str:
    """Return what the segment's text says from one word to another, marks and spaces included."""
    text, words = str(segment["text"]), [str(word["text"]) for word in words_of(segment)]
    begins, ends, position = 0, len(text), 0
    for number, word in enumerate(words):
        found = text.find(word, position)
        if found < 0:
            return joined(words[first:last])
        position = found + len(word)
        if number == first:
            begins = found
        if number == last - 1:
            ends = position
    return text[begins:ends].strip()
