"""How an unknown word may be pronounced: as the dictionary pronounces the same letters elsewhere.

For each letter the longest stretch of letters around it is looked for in words of the dictionary,
and the sounds that stand there for that letter most often are taken. (Pronunciation by analogy, as
Dedina and Nusbaum describe it in Computer Speech and Language 5, 1991; here letter by letter.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

_EDGE_LEFT, _EDGE_RIGHT = "<", ">"
_WINDOWS = tuple(
    sorted(
        ((left, right) for left in range(5) for right in range(5)),
        key=lambda sides: (-sides[0] - sides[1], abs(sides[0] - sides[1])),
    )
)
"""Letters to the left and to the right that must be the same, the most first."""
_EXAMPLES = 40
"""How many words are asked at most about one letter."""

_USUAL = {
    letter: frozenset(sounds.split())
    for letter, sounds in {
        "a": "AA AE AH AO AW AY EH ER EY IH",
        "b": "B",
        "c": "CH K S SH",
        "d": "D JH T",
        "e": "AH EH ER EY IH IY UW Y",
        "f": "F V",
        "g": "G JH ZH",
        "h": "HH",
        "i": "AH AY ER IH IY Y",
        "j": "HH JH Y ZH",
        "k": "K",
        "l": "L",
        "m": "M",
        "n": "N NG",
        "o": "AA AH AO AW ER OW OY UH UW W",
        "p": "F P",
        "q": "K",
        "r": "ER R",
        "s": "S SH Z ZH",
        "t": "CH DH SH T TH",
        "u": "AH ER IH UH UW W Y",
        "v": "F V",
        "w": "UW V W",
        "x": "G K S Z",
        "y": "AY IH IY Y",
        "z": "S T Z ZH",
        "'": "",
    }.items()
}
"""Sounds (CMU's ARPABET, without stress) that a letter often stands for."""

_SILENT, _UNUSUAL, _TWO_SOUNDS, _TWO_UNUSUAL = 0.7, 1.5, 0.8, 3.0

Sounds = tuple[str, ...]


class LetterSounds:
    """Finds sounds for letters.

    Args:
        pronunciations: Sounds, separated by spaces, of known words in lower case.
    """

    def __init__(self, pronunciations: Mapping[str, str]) -> None:
        self._words = list(pronunciations)
        self._sounds = list(pronunciations.values())
        self._text = "".join(f"{_EDGE_LEFT}{word}{_EDGE_RIGHT}" for word in self._words)
        self._starts = [0]
        for word in self._words:
            self._starts.append(self._starts[-1] + len(word) + 2)

    def pronounce(self, word: str) -> str:
        """Return the likely sounds of a word, separated by spaces.

        Args:
            word: Letters from a to z and apostrophes.
        """
        framed = f"{_EDGE_LEFT}{word}{_EDGE_RIGHT}"
        found = [self._sounds_of(framed, place) for place in range(1, len(framed) - 1)]
        # A word of silent letters only would have no time at all.
        return " ".join(sound for sounds in found for sound in sounds) or "AH"

    def _sounds_of(self, framed: str, place: int) -> Sounds:
        for left, right in _WINDOWS:
            if left > place or place + right >= len(framed):
                continue
            votes = Counter(self._examples(framed[place - left : place + right + 1], left))
            if votes:
                return votes.most_common(1)[0][0]
        return ()

    def _examples(self, letters: str, left: int) -> Iterator[Sounds]:
        """Yield what a letter stands for in words that hold the same letters around it."""
        at = self._text.find(letters)
        for _ in range(_EXAMPLES):
            if at < 0:
                return
            number = bisect_right(self._starts, at) - 1
            word = self._words[number]
            yield _divide(word, self._sounds[number])[at + left - self._starts[number] - 1]
            at = self._text.find(letters, at + 1)


@lru_cache(maxsize=4096)
def _divide(word: str, pronunciation: str) -> tuple[Sounds, ...]:
    """Divide a word's sounds among its letters: none, one or two each, at the lowest cost."""
    sounds = tuple(pronunciation.split())
    best: list[tuple[float, tuple[Sounds, ...]]] = [(0.0, ())]
    best += [(float("inf"), ())] * len(sounds)
    for letter in word:
        after: list[tuple[float, tuple[Sounds, ...]]] = []
        for done in range(len(sounds) + 1):
            ways = (
                (best[done - count][0] + _cost(letter, taken), (*best[done - count][1], taken))
                for count in range(min(2, done) + 1)
                for taken in (sounds[done - count : done],)
            )
            after.append(min(ways, key=lambda way: way[0]))
        best = after
    cost, divided = best[-1]
    # A few entries are abbreviations with more sounds than letters can take.
    return divided if cost < float("inf") else ((),) * len(word)


def _cost(letter: str, sounds: Sounds) -> float:
    usual = _USUAL.get(letter, frozenset())
    if not sounds:
        return 0.0 if letter == "'" else _SILENT
    if len(sounds) == 1:
        return 0.0 if sounds[0] in usual else _UNUSUAL
    count = sum(sound in usual for sound in sounds)
    return (_TWO_UNUSUAL, _UNUSUAL, _TWO_SOUNDS)[count]
