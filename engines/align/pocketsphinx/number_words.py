"""Spells out numbers as they are read aloud in American English."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

_LONGEST_SAID_AS_ONE = 6
"""Digits without commas; more are a telephone number, an account …"""
_LONGEST_WITH_COMMAS = 15
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Currency(NamedTuple):
    """What one and several of a currency are called, and of its hundredths."""

    one: str
    many: str
    one_part: str
    many_parts: str


def number(text: str) -> list[str]:
    """Return the words of `7`, `1,234`, `3.14`, `1999` or `0049`.

    Args:
        text: Digits, with commas between thousands and decimals behind a point if there are any.
    """
    digits = text.replace(",", "")
    whole, _, decimals = digits.partition(".")
    longest = _LONGEST_WITH_COMMAS if "," in text else _LONGEST_SAID_AS_ONE
    if len(whole) > longest or (len(whole) > 1 and whole.startswith("0")):
        said = _digits(whole)
    elif "," not in text and not decimals and _is_year(whole):
        return _year(int(whole))
    else:
        said = _plain(whole)
    return [*said, "point", *_digits(decimals)] if decimals else said


def ordinal(text: str) -> list[str]:
    """Return the words of `1st` or `1,022nd`."""
    digits = re.sub(r"\D", "", text)
    if len(digits) > _LONGEST_WITH_COMMAS:
        return _digits(digits)
    return _split(str(_inflect().number_to_words(_inflect().ordinal(int(digits)), andword="")))


def decade(text: str) -> list[str]:
    """Return the words of `1990s` or `80s`."""
    *before, last = number(re.sub(r"\D", "", text))
    return [*before, f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"]


def clock(text: str) -> list[str]:
    """Return the words of `10:05`: ten oh five."""
    hours, _, minutes = text.partition(":")
    if int(minutes) == 0:
        return _plain(hours)
    zero = ["oh"] if minutes.startswith("0") else []
    return [*_plain(hours), *zero, *_plain(minutes)]


def money(amount: str, currency: Currency) -> list[str]:
    """Return the words of an amount: five dollars and ten cents.

    Args:
        amount: `5`, `1,000` or `5.10`.
        currency: Its name.
    """
    whole, _, cents = amount.partition(".")
    if len(cents) != len("10"):
        return [*number(amount), currency.one if amount == "1" else currency.many]
    words = [*number(whole), currency.one if whole == "1" else currency.many]
    if int(cents):
        part = currency.one_part if int(cents) == 1 else currency.many_parts
        words += ["and", *_plain(cents), part]
    return words


def _is_year(digits: str) -> bool:
    return len(digits) == len("1999") and 11 <= int(digits[:2]) <= 20  # noqa: PLR2004 - centuries


def _year(value: int) -> list[str]:
    century, rest = divmod(value, 100)
    if value in range(2000, 2010):
        return _plain(str(value))
    if rest == 0:
        return [*_plain(str(century)), "hundred"]
    zero = ["oh"] if rest < len(_DIGITS) else []
    return [*_plain(str(century)), *zero, *_plain(str(rest))]


def _digits(text: str) -> list[str]:
    return [_DIGITS[int(digit)] for digit in text]


def _plain(digits: str) -> list[str]:
    return _split(str(_inflect().number_to_words(int(digits), andword="")))


def _split(text: str) -> list[str]:
    return re.findall("[a-z]+", text)


@cache
def _inflect() -> Any:  # noqa: ANN401 - imported late: it takes two seconds, and few texts need it
    import inflect

    return inflect.engine()
