"""Says who speaks: gives speakers to words and segments, and splits segments between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

from wording import cut_segment, words_of

_NEAR_SECONDS = 0.5
"""How far from a word a turn may be that it is given to, if none lies over it."""
_SHORT_WORD_SECONDS = 0.6
"""What is shorter may go to who speaks the words around it."""


class Turns:
    """Who speaks when.

    Args:
        turns: Each with `start`, `end` (seconds) and `speaker`; turns may overlap.
    """

    def __init__(self, turns: list[dict[str, Any]]) -> None:
        self._turns = sorted(turns, key=lambda turn: float(turn["start"]))
        self._starts = [float(turn["start"]) for turn in self._turns]
        lengths = (float(turn["end"]) - float(turn["start"]) for turn in self._turns)
        self._longest = max(lengths, default=0.0)

    def speaker(self, span: dict[str, Any]) -> str | None:
        """Return who speaks most of a span, or next to it; None if nobody speaks there."""
        covered = self.covered(span)
        if covered:
            return max(covered, key=lambda speaker: covered[speaker])
        near = [(self._distance(turn, span), turn["speaker"]) for turn in self._around(span)]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def covered(self, span: dict[str, Any]) -> dict[str, float]:
        """Return for how many seconds of a span each speaker speaks."""
        found: dict[str, float] = {}
        for turn in self._around(span):
            shared = min(turn["end"], span["end"]) - max(turn["start"], span["start"])
            if shared > 0:
                found[turn["speaker"]] = found.get(turn["speaker"], 0.0) + shared
        return found

    def _around(self, span: dict[str, Any]) -> list[dict[str, Any]]:
        first = bisect_left(self._starts, span["start"] - _NEAR_SECONDS - self._longest)
        last = bisect_right(self._starts, span["end"] + _NEAR_SECONDS)
        return [
            turn for turn in self._turns[first:last] if self._distance(turn, span) <= _NEAR_SECONDS
        ]

    @staticmethod
    def _distance(turn: dict[str, Any], span: dict[str, Any]) -> float:
        return max(0.0, float(turn["start"] - span["end"]), float(span["start"] - turn["end"]))


def label(segments: list[dict[str, Any]], turns: Turns) -> list[dict[str, Any]]:
    """Give every word and segment its speaker; a segment ends where another speaker begins.

    Args:
        segments: In order of time, in seconds of the recording.
        turns: Who speaks when.
    """
    labelled: list[dict[str, Any]] = []
    for segment in segments:
        words = words_of(segment)
        if not words:
            labelled.append(_spoken_by(segment, turns.speaker(segment)))
            continue
        speakers = [turns.speaker(word) for word in words]
        _give_unclear_words_to_their_neighbours(words, speakers, turns)
        named = [_spoken_by(word, who) for word, who in zip(words, speakers, strict=True)]
        first = 0
        for who, run in groupby(_without_gaps(speakers)):
            last = first + len(list(run))
            part = cut_segment({**segment, "words": named}, first, last)
            if part is not None:
                labelled.append(_spoken_by(part, who))
            first = last
    return labelled


def of_channel(segments: list[dict[str, Any]], channel: int | None) -> list[dict[str, Any]]:
    """Give every word and segment of a channel that channel as its speaker.

    Args:
        segments: Of that channel.
        channel: Counted from 1; None leaves the speakers as they are.
    """
    if channel is None:
        return segments
    name = f"channel_{channel}"
    return [
        _spoken_by({**segment, "words": [_spoken_by(word, name) for word in words]}, name)
        if (words := words_of(segment))
        else _spoken_by(segment, name)
        for segment in segments
    ]


def of_channels(channels: Iterable[int | None]) -> list[dict[str, Any]]:
    """Return the speakers that channels are."""
    return [
        {"id": f"channel_{channel}", "label": f"Channel {channel}"}
        for channel in channels
        if channel is not None
    ]


def occurring(names: set[str], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return speakers as they are known.

    Args:
        names: Of those who have at least one segment.
        known: Those who may have some.
    """
    described = [speaker for speaker in known if speaker["id"] in names]
    missing = names - {speaker["id"] for speaker in described}
    return [*described, *({"id": name, "label": name} for name in sorted(missing))]


def unnamed(names: set[str], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return a warning if there are words and nobody is known who says them.

    Args:
        names: Of those who have at least one segment.
        texts: Of all segments.
    """
    if names or not any(text.strip() for text in texts):
        return []
    return [
        {
            "code": "speakers_not_found",
            "message": (
                "No voice was heard for long or clearly enough to tell who speaks, so no words "
                "have a speaker. Send a longer or clearer recording, or do without speakers."
            ),
        }
    ]


def _spoken_by(span: dict[str, Any], speaker: str | None) -> dict[str, Any]:
    others = {name: value for name, value in span.items() if name != "speaker"}
    return others if speaker is None else {**others, "speaker": speaker}


def _give_unclear_words_to_their_neighbours(
    words: list[dict[str, Any]], speakers: list[str | None], turns: Turns
) -> None:
    """A turn that begins a little early or late must not tear a word out of a sentence."""
    for number, word in enumerate(words):
        neighbour = _speaker_around(speakers, number)
        if neighbour is None or speakers[number] in {None, neighbour}:
            continue
        is_short = word["end"] - word["start"] < _SHORT_WORD_SECONDS
        if is_short and neighbour in turns.covered(word):
            speakers[number] = neighbour


def _speaker_around(speakers: list[str | None], number: int) -> str | None:
    """Return who speaks the words beside one, if it is one person, and more than a single word.

    Of two single words neither tells whose the other one is.
    """
    sides = [speakers[max(number - 2, 0) : number][::-1], speakers[number + 1 : number + 3]]
    beside = {side[0] for side in sides if side}
    several = any(near == far for side in sides for near, far in pairwise(side))
    return next(iter(beside)) if several and len(beside) == 1 else None


def _without_gaps(speakers: list[str | None]) -> list[str | None]:
    """Let words of which nothing is known belong to what was said before, or else after."""
    filled: list[str | None] = []
    known = next((speaker for speaker in speakers if speaker is not None), None)
    for speaker in speakers:
        known = known if speaker is None else speaker
        filled.append(known)
    return filled
