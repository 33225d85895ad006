"""How words and sentences stand beside each other, told by their letters: pure functions.

Most scripts have a space between words; some have none. What a recording's language is doesn't
tell: a translation is written in another one, and some recordings have several.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_UNSPACED = (
    r"\u0e00-\u0eff"  # Thai, Lao
    r"\u0f00-\u109f"  # Tibetan, Burmese
    r"\u1780-\u17ff"  # Khmer
    r"\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # Han: radicals, numbers, repetition
    r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    r"\ua9e0-\ua9ff\uaa60-\uaa7f"  # more of Burmese
    r"\U0001aff0-\U0001b16f"  # more of Hiragana and Katakana
)
"""Letters of scripts that are written without spaces. Korean is written with them."""
_JOINERS = "\u200c\u200d"
"""They say whether two letters are joined."""
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"(?=\w)[{_UNSPACED}][^\w\s]*|(?:(?!(?=\w)[{_UNSPACED}])\S)+")
"""A letter that stands alone, with the marks behind it, or what is written between two spaces."""


def joined(texts: Iterable[str]) -> str:
    """Return texts as one, with a space between two of them unless their script has none.

    Args:
        texts: Without spaces around them; empty ones are left out.
    """
    pieces: list[str] = []
    for text in filter(None, texts):
        if pieces:
            pieces.append(between(pieces[-1], text))
        pieces.append(text)
    return "".join(pieces)


def counted(number: float, noun: str) -> str:
    """Return how many of something there are, in English: `1 file`, `2 files`, `2.5 hours`."""
    shown = str(int(number)) if number == int(number) else f"{number:g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"


def words_in(text: str) -> list[str]:
    """Return a text's words; letters of scripts that are written without spaces stand alone."""
    return _WORD.findall(text)


def belongs_to_word(character: str) -> bool:
    """Tell whether a character is a letter, a digit, or what shapes the letters beside it.

    Without their marks words of Hindi or Thai are other words, or none; without their joiners
    those of Persian are misspelt.
    """
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or is_mark or character in _JOINERS


def between(before: str, after: str) -> str:
    """Return what stands between two texts: a space or nothing, as their nearest letters have it.

    Figures and marks are the same in all scripts, so it is the other side that tells.
    """
    letters = [
        letter
        for letter in (_first_letter(reversed(before)), _first_letter(after))
        if letter is not None
    ]
    return "" if letters and all(map(_IS_UNSPACED.match, letters)) else " "


def _first_letter(characters: Iterable[str]) -> str | None:
    return next((character for character in characters if character.isalpha()), None)
