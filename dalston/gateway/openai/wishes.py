"""The form's fields as OpenAI's clients send them. Pure: what a server can do isn't known here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dalston.common.errors import InvalidParameterError
from dalston.gateway.services.options import short, truth

MODEL, RESPONSE_FORMAT, STREAM = "model", "response_format", "stream"
MANNER = (MODEL, RESPONSE_FORMAT, STREAM)
"""Who sends one of these expects the transcript for an answer."""
LISTS = (
    "timestamp_granularities",
    "include",
    "known_speaker_names",
    "known_speaker_references",
    "keywords",
    "languages",
)
"""Sent with brackets behind the name, once for each item."""
_STRATEGY = "chunking_strategy"
_STRATEGY_SETTINGS = ("threshold", "prefix_padding_ms", "silence_duration_ms")
_STRATEGY_FIELDS = tuple(f"{_STRATEGY}[{name}]" for name in ("type", *_STRATEGY_SETTINGS))
_ONLY_TRANSCRIBED = frozenset({STREAM, _STRATEGY, *_STRATEGY_FIELDS, *LISTS})
_PLAIN = (*MANNER, "temperature", _STRATEGY, *_STRATEGY_FIELDS)

TEXT_FORMATS = ("text", "srt", "vtt")
FORMATS = ("json", "verbose_json", *TEXT_FORMATS)
DIARIZED = "diarized_json"
_STREAMED = ("json", "text", DIARIZED)
_GRANULARITIES = ("segment", "word")

Fields = Mapping[str, str | Sequence[str]]
"""Values by name, without brackets; a list has several."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenAI's fields of a form ask for, beside what every form has.

    Attributes:
        translate: Whether the text is to be English, whatever is spoken.
        model: Its name as it was sent; None takes what the server takes.
        response_format: How the transcript is to look.
        granularities: Which times a `verbose_json` is to have.
        stream: Whether it is to be sent piece by piece.
        temperature: None or 0 leaves it to the engine.
        keywords: Words to expect.
        languages: Those that may be spoken.
        logprobs: Whether each token's probability is asked for.
        known_speakers: Whether voices are to be told by samples or names.
        cutting: The settings of the cutting into chunks that were sent.
    """

    translate: bool = False
    model: str | None = None
    response_format: str = "json"
    granularities: tuple[str, ...] = ("segment",)
    stream: bool = False
    temperature: float | None = None
    keywords: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    logprobs: bool = False
    known_speakers: bool = False
    cutting: tuple[str, ...] = ()

    @property
    def words(self) -> bool:
        """Whether words are to have times."""
        return "word" in self.granularities


def known_fields(*, translate: bool) -> tuple[str, ...]:
    """Return the names of OpenAI's fields, beside those that every form has."""
    names = (*_PLAIN, *LISTS)
    return tuple(name for name in names if not (translate and name in _ONLY_TRANSCRIBED))


def plain_name(name: str) -> str:
    """Return a field's name without the brackets that say that it is a list's."""
    plain = name.removesuffix("[]")
    return plain if plain in LISTS else name


def read_wish(fields: Fields, *, translate: bool) -> Wish:
    """Return what OpenAI's fields ask for.

    Raises:
        InvalidParameterError: One can't be what it is, or two can't be together.
    """
    formats = FORMATS if translate else (*FORMATS, DIARIZED)
    wish = Wish(
        translate=translate,
        model=_text(fields, MODEL) or None,
        response_format=_one_of(fields, RESPONSE_FORMAT, formats) or "json",
        granularities=_granularities(fields),
        stream=_truth(fields, STREAM),
        temperature=_temperature(fields),
        keywords=_items(fields, "keywords"),
        languages=_items(fields, "languages"),
        logprobs=_logprobs(fields),
        known_speakers=bool(
            _items(fields, "known_speaker_names") or _items(fields, "known_speaker_references")
        ),
        cutting=_cutting(fields),
    )
    if wish.stream and wish.response_format not in _STREAMED:
        raise InvalidParameterError(
            f"stream=true can't send {wish.response_format}. Use one of {', '.join(_STREAMED)}, or "
            f"leave stream out.",
            param=STREAM,
        )
    return wish


def check_together(fields: Fields, wish: Wish) -> None:
    """Refuse what fields can't say together, once all of them are there.

    Raises:
        InvalidParameterError: Two fields don't fit.
    """
    if _items(fields, "timestamp_granularities") and wish.response_format != "verbose_json":
        raise InvalidParameterError(
            f"timestamp_granularities are for response_format=verbose_json, and this is "
            f"{wish.response_format}. Change one of the two.",
            param="timestamp_granularities",
        )
    if wish.temperature and _text(fields, "temperatures"):
        raise InvalidParameterError(
            "temperature and temperatures say the same in two ways. Leave one out.",
            param="temperature",
        )


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def _items(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.get(name, ())
    items = [value] if isinstance(value, str) else value
    return tuple(item for item in items if item)


def _one_of(fields: Fields, name: str, allowed: Sequence[str]) -> str:
    value = _text(fields, name)
    if value and value not in allowed:
        raise _wrong(name, value, f"one of {', '.join(allowed)} is allowed")
    return value


def _truth(fields: Fields, name: str) -> bool:
    return truth(_text(fields, name) or "false", name)


def _granularities(fields: Fields) -> tuple[str, ...]:
    items = _items(fields, "timestamp_granularities")
    for item in items:
        if item not in _GRANULARITIES:
            allowed = f"{' or '.join(_GRANULARITIES)}, or both, are allowed"
            raise _wrong("timestamp_granularities", item, allowed)
    return items or ("segment",)


def _temperature(fields: Fields) -> float | None:
    text = _text(fields, "temperature")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise _wrong("temperature", text, "a number from 0 to 1 is allowed")
    return value


def _logprobs(fields: Fields) -> bool:
    items = _items(fields, "include")
    for item in items:
        if item != "logprobs":
            raise _wrong("include", item, "logprobs is all that there is")
    return bool(items)


def _cutting(fields: Fields) -> tuple[str, ...]:
    """Return the settings of the cutting, however they are spelt."""
    text = _text(fields, _STRATEGY)
    given: dict[str, Any] = {
        name: value
        for name in ("type", *_STRATEGY_SETTINGS)
        if (value := _text(fields, f"{_STRATEGY}[{name}]"))
    }
    if text.startswith("{"):
        try:
            given |= msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            raise _wrong(_STRATEGY, text, "auto or server_vad is allowed") from None
    elif text not in ("", "auto", "server_vad"):
        raise _wrong(_STRATEGY, text, "auto or server_vad is allowed")
    kind = given.pop("type", "server_vad")
    if kind != "server_vad":
        raise _wrong(_STRATEGY, str(kind), "auto or server_vad is allowed")
    unknown = sorted(set(given) - set(_STRATEGY_SETTINGS))
    if unknown:
        known = ", ".join(("type", *_STRATEGY_SETTINGS))
        raise _wrong(_STRATEGY, unknown[0], f"its settings are {known}")
    return tuple(given)


def _wrong(name: str, value: str, allowed: str) -> InvalidParameterError:
    return InvalidParameterError(f"{name} can't be '{short(value)}': {allowed}.", param=name)
