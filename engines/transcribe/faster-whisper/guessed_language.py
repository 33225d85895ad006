"""Tells where the language that was found out is hardly more than a guess.

A Whisper model writes all that it hears in that language: of a wrong one nothing is right.
"""

from __future__ import annotations

from typing import Any

from recording import SAMPLE_RATE, Samples, Spans, only_speech, speech_spans

_UNSURE = 0.5
"""Of 24 stretches of speech whose language was less probable than this, 15 were of another one; of
94 others six, all of them half a second long."""
_LITTLE_SECONDS = 1.0
_LOOKED_AT_SECONDS = 6.0
"""In more than this, with the silence around words that is kept, somebody speaks long enough."""
_TIGHT = {"speech_pad_ms": 0, "min_silence_duration_ms": 100}
"""Counts what is spoken without the silence around it."""


def is_guessed(samples: Samples, spans: Spans, confidence: float | None, **options: float) -> bool:
    """Tell whether a language may well be another one.

    Args:
        samples: What was listened to.
        spans: Where somebody speaks in it.
        confidence: How probable the language is; None if it was not found out.
        options: What counts as speech.
    """
    if confidence is None:
        return False
    if confidence < _UNSURE:
        return True
    heard = only_speech(samples, spans)
    if len(heard) > _LOOKED_AT_SECONDS * SAMPLE_RATE:
        return False
    words = speech_spans(heard, **options, **_TIGHT)
    return sum(word["end"] - word["start"] for word in words) < _LITTLE_SECONDS * SAMPLE_RATE


def warning(language: str) -> dict[str, Any]:
    """Return what the user is told of it."""
    return {
        "code": "language_guessed",
        "message": (
            f"That '{language}' is spoken is hardly more than a guess: there is less than a second "
            f"of speech to tell it from, or it is unclear. If it is another language, the text is "
            f"wrong. Name the language that is spoken."
        ),
    }
