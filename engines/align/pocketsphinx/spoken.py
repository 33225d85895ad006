"""From words as they are written to words as they are spoken and stand in a dictionary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import number_words
from number_words import Currency

_PIECE = re.compile(
    r"""
      (?P<money>[$£€¥]\d+(?:,\d{3})*(?:\.\d+)?)
    | (?P<clock>\d{1,2}:[0-5]\d(?!\d))
    | (?P<ordinal>\d+(?:,\d{3})*(?:st|nd|rd|th)(?![a-z]))
    | (?P<decade>\d{2,4}'?s(?![a-z]))
    | (?P<number>\d+(?:,\d{3})*(?:\.\d+)?)
    | (?P<initials>(?:[a-z]\.){2,}|(?<=\d)[ap]m(?![a-z]))
    | (?P<word>'?[a-z]+(?:'[a-z]+)*'?)
    | (?P<symbol>[%&+@=°#])
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_SYMBOLS = {
    "%": "percent",
    "&": "and",
    "+": "plus",
    "@": "at",
    "=": "equals",
    "°": "degrees",
    "#": "number",
}
_CURRENCIES = {
    "$": Currency("dollar", "dollars", "cent", "cents"),
    "£": Currency("pound", "pounds", "penny", "pence"),
    "€": Currency("euro", "euros", "cent", "cents"),
    "¥": Currency("yen", "yen", "sen", "sen"),
}
_MAGNITUDES = frozenset({"hundred", "thousand", "million", "billion", "trillion"})
_SHORTENED = {
    "approx": "approximately",
    "col": "colonel",
    "dept": "department",
    "lt": "lieutenant",
    "prof": "professor",
    "vs": "versus",
}
_INITIALS_LIKE_WORDS = frozenset({"AM", "IT", "US"})
_LONGEST_WORD = 30
"""Letters. More are no word, and take long to find sounds for."""
_LONGEST_INITIALS = 3
"""Capital letters that are read one by one even if they have a vowel among them."""

Known = Callable[[str], bool]


def spoken_words(texts: Sequence[str], known: Known) -> list[list[str]]:
    """Return for each word of a text how it is spoken, in letters a to z and apostrophes.

    Args:
        texts: Words as they are written, in order, with their punctuation.
        known: Tells whether a word in lower case stands in the dictionary.

    Returns:
        As many lists; one is empty if nothing of the word is spoken, such as a dash.
    """
    plain = [_plain_letters(text) for text in texts]
    shouted = not any(letter.islower() for text in plain for letter in text)
    spoken: list[list[str]] = []
    moved = ""
    for text, following in pairwise((*plain, "")):
        words = [word for piece in _pieces(text, known, shouted=shouted) for word in piece]
        # "$5 million" is said "five million dollars".
        words += [moved] if moved else []
        moved = ""
        if text[:1] in _CURRENCIES and words and _letters(following) in _MAGNITUDES:
            words = number_words.number(_amount(text))
            moved = _CURRENCIES[text[0]].many
        spoken.append([word[:_LONGEST_WORD] for word in words])
    return spoken


def _plain_letters(text: str) -> str:
    """Return a text without accents, with straight apostrophes."""
    parts = unicodedata.normalize("NFKD", text.translate({0x2018: "'", 0x2019: "'"}))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _letters(text: str) -> str:
    return re.sub("[^a-z]", "", text.lower())


def _amount(text: str) -> str:
    found = re.search(r"\d+(?:,\d{3})*(?:\.\d+)?", text)
    return found[0] if found else "0"


def _pieces(text: str, known: Known, *, shouted: bool) -> Iterator[list[str]]:
    for match in _PIECE.finditer(text):
        piece = match[0]
        match match.lastgroup:
            case "money":
                yield number_words.money(piece[1:], _CURRENCIES[piece[0]])
            case "clock":
                yield number_words.clock(piece)
            case "ordinal":
                yield number_words.ordinal(piece)
            case "decade":
                yield number_words.decade(piece)
            case "number":
                yield number_words.number(piece)
            case "initials":
                yield list(_letters(piece))
            case "symbol":
                yield [_SYMBOLS[piece]]
            case _:
                yield _word(piece, known, shouted=shouted)


def _word(text: str, known: Known, *, shouted: bool) -> list[str]:
    lower = text.lower()
    bare = lower.strip("'")
    if bare in _SHORTENED:
        return [_SHORTENED[bare]]
    if shouted or text not in _INITIALS_LIKE_WORDS:
        # "'em" stands in the dictionary with its apostrophe, a word in single quotes doesn't.
        for form in (lower, lower.lstrip("'"), bare):
            if known(form):
                return [form]
    return _unknown_word(text.strip("'"), known, shouted=shouted)


def _unknown_word(text: str, known: Known, *, shouted: bool) -> list[str]:
    if match := re.fullmatch(r"(.+)'s|([A-Z]{2,})s", text):
        # "OpenAI's", "DVDs": in the dictionary's way "a's" is the plural of a letter, too.
        *words, last = _word(match[1] or match[2], known, shouted=shouted) or [""]
        return [*words, f"{last}'s"]
    if _is_initials(text, shouted=shouted):
        return [letter for letter in text.lower() if letter != "'"]
    # "OpenAI" is two words, written as one.
    humps = re.findall("[A-Z]?[a-z']+|[A-Z]+(?![a-z])", text)
    if 1 < len(humps) < len(text):
        return [word for hump in humps for word in _word(hump, known, shouted=shouted)]
    return [text.lower()] if text else []


def _is_initials(text: str, *, shouted: bool) -> bool:
    if len(text) < len("AA") or not text.isupper():
        return False
    unsayable = not re.search("[AEIOUY]", text)
    return unsayable or (not shouted and len(text) <= _LONGEST_INITIALS)
