"""Turns what an engine has returned into JSON, or says what of it is none, and where.

Only the standard library is imported here: this is loaded in every engine's child.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from dalston.engine_sdk.types import TaskOutput

_MOST_LEVELS = 100
"""Of lists in lists that are looked through for what is wrong."""


class NotPlainError(ValueError):
    """It is no JSON; says what and where."""


def as_json(value: object, name: str = "data") -> bytes:
    """Return a value as it is stored later, where people may look at it: with plain letters.

    Args:
        value: Dictionaries, lists, strings, numbers, booleans and None.
        name: What it is called in the message.

    Raises:
        NotPlainError: It has something else in it.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return _encoded(text)
    except (TypeError, ValueError, RecursionError) as error:
        said = next(_faults(value, name, 0), None) or f"{name} is not JSON: {error}"
        raise NotPlainError(said) from error


def named_paths(output: TaskOutput) -> dict[str, str]:
    """Return where the files of an output lie, by name.

    Raises:
        ValueError: They are not named, or not by paths.
    """
    files: object = output.files
    if not isinstance(files, Mapping):
        kind = _type_name(files)
        raise ValueError(f"files is a {kind}, and must be a dictionary of names and their paths")  # noqa: TRY004 - as all others
    try:
        return {name: str(Path(path).resolve()) for name, path in files.items()}
    except TypeError as error:
        raise ValueError(f"a path in files is none: {error}") from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Two halves of a letter next to each other, as some libraries return it, are that letter.
        return text.encode("utf-16", "surrogatepass").decode("utf-16").encode()


def _faults(value: object, place: str, level: int) -> Iterator[str]:
    """Yield what JSON can't say, and where it is."""
    if level > _MOST_LEVELS:
        yield f"{place[:80]}… has too many levels, or contains itself"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str | int | float | None):
                yield f"{place} has the key {key!r:.80}, which is no string"
            yield from _faults(inner, f"{place}.{key}", level + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _faults(inner, f"{place}[{number}]", level + 1)
    else:
        yield from _faults_of_one(value, place)


def _faults_of_one(value: object, place: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _faults_of_text(value, place)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{place} is {value}, which is no finite number"
    elif not isinstance(value, int | None):
        yield (
            f"{place} is a {_type_name(value)}, which JSON doesn't have. Make a plain number, "
            f"string, list or dictionary of it: float(), str(), .tolist()"
        )


def _faults_of_text(value: str, place: str) -> Iterator[str]:
    try:
        _encoded(value)
    except UnicodeError:
        yield f"{place} has half a letter in it (a lone surrogate), which no file can hold"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
