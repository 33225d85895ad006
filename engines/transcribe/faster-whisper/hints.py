"""Makes `prompt` and `hotwords` short enough for the model to take both and still have room."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from loaded_model import LoadedModel

_COMMAS = ",،，、;；"  # noqa: RUF001 - of other scripts
_TERM_ENDS = (f"[{_COMMAS}]", r"\s")
"""Where hotwords may be cut: behind a term, or behind a word if the first term is too long."""
_LONGEST_QUOTE = 200

Warnings = list[dict[str, Any]]


def shortened(model: LoadedModel, config: Mapping[str, Any]) -> tuple[dict[str, Any], Warnings]:
    """Leave out what the model can't take of the hints, and say what that is.

    What it is to expect and what it writes share its positions, so all hints together get half of
    them; faster-whisper gives each of the two as much, which leaves none for the text. Where both
    are too long, each gets at least half: hotwords lose their last terms, and then the prompt its
    beginning, which is the farthest from what is said.

    Args:
        model: Its tokens are counted.
        config: The task's configuration.

    Returns:
        The configuration, with `prompt` as tokens if it is cut; and a warning `prompt_shortened` if
        something is cut.
    """
    prompt, hotwords = config["prompt"], config["hotwords"]
    most = model.model.max_length // 2 - 1
    asked = _tokens(model, prompt)
    kept = _first_terms(model, hotwords or "", max(most - len(asked), most // 2))
    room = most - len(_tokens(model, kept))
    cut: dict[str, str] = {}
    if hotwords and kept != hotwords:
        cut["the end of hotwords"] = hotwords[len(kept) :].strip(f"{_COMMAS} ")
        hotwords = kept or None
    if len(asked) > room:
        cut["the beginning of prompt"] = model.model.hf_tokenizer.decode(asked[:-room]).strip()
        prompt = asked[-room:]
    hints = {"prompt": prompt, "hotwords": hotwords}
    return {**config, **hints}, [_warning(most, cut)] if cut else []


def _first_terms(model: LoadedModel, hotwords: str, most: int) -> str:
    """Return as many whole terms as take so many tokens at most."""
    if len(_tokens(model, hotwords)) <= most:
        return hotwords
    for mark in _TERM_ENDS:
        for found in reversed(list(re.finditer(mark, hotwords))):
            kept = hotwords[: found.start()]
            if kept.strip() and len(_tokens(model, kept)) <= most:
                return kept
    return ""


def _tokens(model: LoadedModel, text: str | None) -> list[int]:
    """Return a hint's tokens, as faster-whisper makes them; none if there is no hint."""
    if not text:
        return []
    tokenizer = model.model.hf_tokenizer
    tokens: list[int] = tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids
    return tokens


def _warning(most: int, cut: Mapping[str, str]) -> dict[str, Any]:
    parts = " and ".join(f"{part} ({_quoted(text)})" for part, text in cut.items())
    return {
        "code": "prompt_shortened",
        "message": (
            f"The model takes {most} tokens (word pieces) of prompt and hotwords together, and was "
            f"not told {parts}. Shorten them to choose yourself what it is told."
        ),
    }


def _quoted(text: str) -> str:
    half = _LONGEST_QUOTE // 2
    return f'"{text}"' if len(text) <= _LONGEST_QUOTE else f'"{text[:half]}…{text[-half:]}"'
