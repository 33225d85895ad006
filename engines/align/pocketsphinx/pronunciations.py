"""The recogniser's dictionary, and pronunciations of words that are not in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from letter_sounds import LetterSounds

_HISSING = frozenset({"CH", "JH", "S", "SH", "Z", "ZH"})
_VOICELESS = frozenset({"F", "K", "P", "T", "TH"})


class Pronunciations:
    """Knows how words sound.

    Args:
        decoder: A recogniser with its dictionary loaded.
        path: The dictionary's file; it is read when the first unknown word comes.
    """

    def __init__(self, decoder: Any, path: Path) -> None:  # noqa: ANN401 - a library without types
        self._decoder = decoder
        self._path = path
        self._found: dict[str, str] = {}
        self._letter_sounds: LetterSounds | None = None

    def known(self, word: str) -> bool:
        """Tell whether a word in lower case stands in the dictionary."""
        return word not in self._found and self._decoder.lookup_word(word) is not None

    def add_missing(self, words: Iterable[str], decoder: Any) -> None:  # noqa: ANN401 - likewise
        """Teach a recogniser the words that it doesn't know.

        Args:
            words: Words in letters from a to z and apostrophes.
            decoder: A recogniser with the same dictionary.
        """
        for word in dict.fromkeys(words):
            if decoder.lookup_word(word) is None:
                if word not in self._found:
                    self._found[word] = self._pronounce(word)
                decoder.add_word(word, self._found[word], False)  # noqa: FBT003 - no keywords there

    def _pronounce(self, word: str) -> str:
        base = word.removesuffix("'s")
        if base != word and (sounds := self._decoder.lookup_word(base)) is not None:
            return f"{sounds} {_ending_s(sounds)}"
        if self._letter_sounds is None:
            self._letter_sounds = LetterSounds(_read(self._path))
        return self._letter_sounds.pronounce(word)


def _ending_s(sounds: str) -> str:
    last = sounds.rpartition(" ")[2]
    if last in _HISSING:
        return "IH Z"
    return "S" if last in _VOICELESS else "Z"


def _read(path: Path) -> dict[str, str]:
    """Return the first pronunciation of each plain word of a dictionary in CMU's format."""
    found: dict[str, str] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            word, _, sounds = line.strip().partition(" ")
            if re.fullmatch("[a-z']+", word):
                found[word] = sounds.strip()
    return found
