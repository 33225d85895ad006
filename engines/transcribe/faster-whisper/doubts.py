"""Finds text that was probably never said: over silence or music, or one phrase again and again.

Whisper models write such text now and then. It is flagged, and left out only on request.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from dalston.engine_sdk.wording import belongs_to_word

_UNSURE = 0.6
"""Where the model is unsure of its words (below this) and finds it more probable that nobody speaks
at all, it made them up. Of 14 sentences that it made up over faint or very short speech 11 were
such, with 0.3 and more that nobody speaks; of 206 that were said, in 72 recordings, none."""
_GUESSED = 0.2
"""A confidence below which the words are guessed: speech played backwards gave 0.11."""

_COMPRESSED = 2.4
"""Text that can be packed so well repeats itself; Whisper's own limit. Its own figure is that of
all segments that it heard at once, so each one's is worked out here."""
_LONGEST_PHRASE = 12
_FEWEST_REPEATS = 3
_FEWEST_WORDS = 8
"""A phrase that comes so often, and makes up so many words, is a loop; people say "no, no, no"."""
_FEWEST_SEGMENTS = 3
"""Segments with one text, one behind the other, that are a loop."""

_MESSAGES = {
    "text_without_speech": (
        "Probably nobody says this: the text is made up where there is silence, noise, music or a "
        "voice that can't be understood."
    ),
    "repeated_text": (
        "The text repeats itself here. Probably the model ran in a circle, unless somebody did "
        "say the same again and again."
    ),
}
_KEPT = " Listen to it; drop_doubtful_text leaves such text out."
_LONGEST_QUOTE = 200

Segments = list[dict[str, Any]]


def review(segments: Segments, *, drop: bool) -> tuple[Segments, list[dict[str, Any]]]:
    """Look for doubtful text.

    Args:
        segments: In order, as `wording.Segments` makes them.
        drop: Whether to leave it out.

    Returns:
        The segments that stay, and warnings: `code` (`text_without_speech` or `repeated_text`),
        `message`, `start` and `end` (seconds), and `dropped` with the text if it is left out.
    """
    codes = _codes(segments)
    warnings = []
    for code, run in groupby(zip(codes, segments, strict=True), key=lambda pair: pair[0]):
        if code is not None:
            warnings.append(_warning(code, [segment for _, segment in run], drop=drop))
    kept = [segment for code, segment in zip(codes, segments, strict=True) if code is None]
    return (kept if drop else segments), warnings


def _codes(segments: Segments) -> list[str | None]:
    repeats = _repeats_of_segments(segments)
    return [
        "repeated_text"
        if number in repeats or _loops(segment)
        else "text_without_speech"
        if _is_made_up(segment)
        else None
        for number, segment in enumerate(segments)
    ]


def _is_made_up(segment: dict[str, Any]) -> bool:
    confidence = segment["confidence"]
    silent = confidence < min(segment["no_speech_probability"], _UNSURE)
    return bool(silent or confidence < _GUESSED)


def _warning(code: str, segments: Segments, *, drop: bool) -> dict[str, Any]:
    warning: dict[str, Any] = {
        "code": code,
        "message": _MESSAGES[code] + (" It is left out." if drop else _KEPT),
        "start": segments[0]["start"],
        "end": max(segment["end"] for segment in segments),
    }
    if drop:
        text = " ".join(segment["text"] for segment in segments)
        warning["dropped"] = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return warning


def _repeats_of_segments(segments: Segments) -> set[int]:
    """Return the numbers of segments that only say again what was said before them."""
    found: set[int] = set()
    number = 0
    for _, run in groupby(segments, key=lambda segment: segment["text"].casefold()):
        count = len(list(run))
        if count >= _FEWEST_SEGMENTS:
            found.update(range(number + 1, number + count))
        number += count
    return found


def _loops(segment: dict[str, Any]) -> bool:
    # One byte a letter: in UTF-8 the letters of many scripts begin alike, and that packs well.
    text = bytes(ord(letter) & 0xFF for letter in segment["text"])
    if len(text) > _COMPRESSED * len(zlib.compress(text)):
        return True
    words = _plain_words(segment["text"])
    return any(
        count >= max(_FEWEST_REPEATS, math.ceil(_FEWEST_WORDS / length))
        for length in range(1, _LONGEST_PHRASE + 1)
        for count in _runs(words, length)
    )


def _runs(words: list[str], length: int) -> Iterator[int]:
    """Yield how often phrases of a length follow on themselves."""
    same = [first == second for first, second in zip(words, words[length:], strict=False)]
    for equal, run in groupby(same):
        if equal:
            yield len(list(run)) // length + 1


def _plain_words(text: str) -> list[str]:
    letters = "".join(letter if belongs_to_word(letter) else " " for letter in text.casefold())
    words = letters.split()
    # Some languages are written without spaces; there a letter is as good as a word.
    spaced = len(words) > 1 and len(letters) / len(words) < 2 * _LONGEST_PHRASE
    return words if spaced else [letter for letter in letters if letter != " "]
