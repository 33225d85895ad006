"""Decides where a recording is cut into chunks, while it is still being read.

All positions are counted in windows of the voice detector until a chunk is given out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from voice_activity import WINDOW_SAMPLES
from wav_writer import SAMPLE_RATE

WINDOW_SECONDS = WINDOW_SAMPLES / SAMPLE_RATE

_SPEECH_BEGINS = 0.5
_SPEECH_GOES_ON = 0.35
"""Probabilities from which on a window is speech, after silence and after speech. The second is
lower so that one weak sound does not end a word (Silero's own rule)."""
_SILENCE = 0.3
"""Below this a window is silence. What lies between may be a word that was hardly heard, so no
cut goes through it."""

_BANDS = ((0.9, 1.08), (0.7, 1.08), (0.4, 1.25))
"""Shares of the wanted length between which a pause is looked for, the best first."""
_LAST = 1.25
"""The share from which on it is cut; less may be left whole at the recording's end, so that no
crumb is."""

_SHORTEST_PAUSE_SECONDS = 0.22
"""Shorter breaks are inside words and between the words of a phrase."""
_LONG_ENOUGH_PAUSE_SECONDS = 0.8
"""A pause between sentences. Among those that are longer, the later one is better."""
_HEARD_PAUSE_SECONDS = 2.0
"""How much of a pause counts as speech: recognisers listen to short pauses as well."""
_KEPT_SILENCE_SECONDS = 10.0
"""What is kept of a longer silence at either side of a cut."""
_DIP_WINDOWS = 5
"""Where nobody pauses, the cut is where the voice is least certain over so many windows."""


@dataclass(frozen=True)
class Chunk:
    """A part of the recording, in samples.

    Attributes:
        start: First sample of its file.
        end: The one behind the last.
        core_start: First sample that belongs to this chunk alone.
        core_end: The one behind the last; the next chunk's `core_start`.
    """

    start: int
    end: int
    core_start: int
    core_end: int


@dataclass(frozen=True)
class _Pause:
    """Silence between two stretches of speech.

    `before` and `after` count what is heard of the chunk up to its two ends.
    """

    start: int
    end: int
    before: int
    after: int


class ChunkPlanner:
    """Takes the voice detector's figures and gives out chunks, in constant memory.

    A cut is made in the middle of a pause. Only where nobody pauses for a whole chunk, two chunks
    overlap, so that no word is lost between them.

    Args:
        chunk_seconds: Speech that a chunk should hold.
        longest_chunk_seconds: Sound that its file may hold, silence included.
        overlap_seconds: What a file holds beyond its core, on either side of a cut in speech.

    Attributes:
        speech_windows: Windows with speech so far.
    """

    def __init__(
        self, chunk_seconds: float, longest_chunk_seconds: float, overlap_seconds: float
    ) -> None:
        wanted = min(chunk_seconds, longest_chunk_seconds / _LAST)
        self._bands = [
            (_windows(least * wanted), _windows(most * wanted)) for least, most in _BANDS
        ]
        self._last = _windows(_LAST * wanted)
        self._longest = _windows(longest_chunk_seconds)
        self._overlap = min(_windows(overlap_seconds), self._last // 4)
        self._shortest_pause = _windows(_SHORTEST_PAUSE_SECONDS)
        self._long_enough_pause = _windows(_LONG_ENOUGH_PAUSE_SECONDS)
        self._heard_pause = _windows(_HEARD_PAUSE_SECONDS)
        self._kept = _windows(_KEPT_SILENCE_SECONDS)
        self.speech_windows = 0
        self._now = 0
        self._speaking = False
        self._silent = True
        self._silent_since = 0
        self._heard = 0
        self._heard_before_silence = 0
        self._core = 0
        self._file: int | None = 0
        self._pauses: list[_Pause] = []
        self._probabilities: list[float] = []
        self._done: list[Chunk] = []
        self._given = 0

    @property
    def needed_from(self) -> int:
        """The first sample that a chunk which is still to come may hold."""
        start = max(self._core, self._now - self._kept) if self._file is None else self._file
        return start * WINDOW_SAMPLES

    def take(self, probabilities: Iterable[float]) -> list[Chunk]:
        """Take the figures of the next windows.

        Args:
            probabilities: That somebody speaks, from 0 to 1, one for each window.

        Returns:
            The chunks that are complete by now. If nobody speaks any more, the last one's
            `core_end` is still to be moved to the recording's end.
        """
        for probability in probabilities:
            self._step(float(probability))
            while self._is_full():
                self._cut()
        done, self._done = self._done, []
        self._given += len(done)
        return done

    def finish(self, samples: int) -> Chunk | None:
        """Return the last chunk.

        Args:
            samples: How many the recording has.

        Returns:
            The chunk with what is left; None if that is only silence behind an earlier chunk.
        """
        if not self._heard and self._given:
            return None
        end = samples
        silence = self._now - self._silent_since if self._silent else 0
        if self._heard and silence > 2 * self._kept:
            end = min(end, (self._silent_since + self._kept) * WINDOW_SAMPLES)
        return Chunk(self.needed_from, end, self._core * WINDOW_SAMPLES, samples)

    def _step(self, probability: float) -> None:
        limit = _SPEECH_GOES_ON if self._speaking else _SPEECH_BEGINS
        self._speaking = probability >= limit
        silent = not self._speaking and probability < _SILENCE
        if silent and not self._silent:
            self._silent_since = self._now
            self._heard_before_silence = self._heard
        elif self._silent and not silent:
            self._end_silence()
        self._silent = silent
        self.speech_windows += self._speaking
        if self._speaking and self._file is None:
            self._file = max(self._core, self._now - self._kept)
        short = not silent or self._now - self._silent_since < self._heard_pause
        self._heard += self._speaking or (self._heard > 0 and short)
        self._probabilities.append(probability)
        self._now += 1

    def _end_silence(self) -> None:
        if self._file is not None and (pause := self._silence_so_far()):
            self._pauses.append(pause)

    def _silence_so_far(self) -> _Pause | None:
        if self._now - self._silent_since < self._shortest_pause:
            return None
        return _Pause(self._silent_since, self._now, self._heard_before_silence, self._heard)

    def _is_full(self) -> bool:
        if self._file is None:
            return False
        return self._heard >= self._last or self._now - self._file >= self._longest

    def _cut(self) -> None:
        current = self._silence_so_far() if self._silent else None
        pauses = [*self._pauses, *([current] if current else [])]
        if self._heard >= self._last:
            pauses = self._fitting(pauses)
        if not pauses:
            self._cut_speech()
            return
        best = max(
            pauses,
            key=lambda pause: (min(pause.end - pause.start, self._long_enough_pause), pause.start),
        )
        self._cut_pause(best, is_over=best is not current)

    def _fitting(self, pauses: list[_Pause]) -> list[_Pause]:
        """Return the pauses in the best band that has some."""
        for least, most in self._bands:
            if found := [pause for pause in pauses if least <= pause.before <= most]:
                return found
        return []

    def _cut_pause(self, pause: _Pause, *, is_over: bool) -> None:
        if pause.before:
            # More silence may follow; what is known of it decides.
            middle = pause.start + min((pause.end - pause.start) // 2, self._kept)
            self._give(middle, middle)
        self._file = max(self._core, pause.end - self._kept) if is_over else None
        self._heard -= pause.after
        self._heard_before_silence = max(0, self._heard_before_silence - pause.after)
        self._pauses = [
            replace(later, before=later.before - pause.after, after=later.after - pause.after)
            for later in self._pauses
            if later.start >= pause.end
        ]

    def _cut_speech(self) -> None:
        """Cut where nobody pauses; files on both sides reach over the cut."""
        least, most = self._bands[0]
        first = self._now - (self._last - least)
        last = self._now - max(self._last - most, self._overlap)
        begun = self._now - len(self._probabilities)
        certainty = np.convolve(
            self._probabilities[first - begun : last - begun],
            np.full(_DIP_WINDOWS, 1 / _DIP_WINDOWS),
            mode="same",
        )
        # The outermost figures are means of fewer windows.
        inner = certainty[_DIP_WINDOWS // 2 : -(_DIP_WINDOWS // 2)]
        cut = first + _DIP_WINDOWS // 2 + int(np.argmin(inner))
        self._give(cut + self._overlap, cut)
        self._file = cut - self._overlap
        self._heard = self._now - cut
        self._heard_before_silence = max(0, self._silent_since - cut)
        self._pauses = []

    def _give(self, file_end: int, core_end: int) -> None:
        begun = self._now - len(self._probabilities)
        start = 0 if self._file is None else self._file
        positions = (start, file_end, self._core, core_end)
        self._done.append(Chunk(*(position * WINDOW_SAMPLES for position in positions)))
        self._core = core_end
        del self._probabilities[: core_end - begun]


def _windows(seconds: float) -> int:
    return round(seconds / WINDOW_SECONDS)
