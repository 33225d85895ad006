"""What somebody may have meant by a name that nothing here has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 60
"""Nobody mistypes more; comparing takes the square of the length."""


def near(text: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the known names that are nearly a text, the nearest first.

    Args:
        text: As somebody sent it.
        known: What there is.
        most: How many are returned at most.
    """
    if len(text) > _LONGEST:
        return []
    by_key = {name.casefold(): name for name in known}
    return [by_key[key] for key in get_close_matches(text.casefold(), by_key, most)]


def did_you_mean(text: str, known: Iterable[str], most: int = 1) -> str:
    """Return a sentence with the nearest known names and a blank before it, or nothing.

    Args:
        text: As somebody sent it.
        known: What there is.
        most: How many are named at most.
    """
    found = [f"'{name}'" for name in near(text, known, most)]
    if not found:
        return ""
    *others, last = found
    return f" Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
