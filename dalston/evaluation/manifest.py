"""Reads what is known of recordings: a table with a header, or LibriSpeech's lists of texts.

`docs/quality.md` describes both for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from dalston.common.languages import language_code
from dalston.evaluation.speakers import Turn, read_turns
from dalston.evaluation.word_times import TimedWord, read_word_times

_FILE = "file"
_TEXT = ("text", "reference_text")
_TIMES = ("word_times", "words")
_UNVERIFIED = "ours"
"""How `reference_source` begins where the reference is a recogniser's output that nobody heard."""

_SUFFIXES = (".flac", ".wav", ".mp3", ".opus", ".ogg", ".m4a")
_SPEAKER_NAME = re.compile(r"\[[^\]\[]*\]")

_Read = TypeVar("_Read")


class ManifestError(Exception):
    """The manifest can't be used; the text names the line and what to correct."""


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """A recording and what is known of it.

    Attributes:
        name: What the manifest calls it.
        path: The recording.
        text: What is said, without the names of speakers; empty where nobody speaks.
        language: ISO 639 code; None if the manifest doesn't say it.
        turns: Who speaks when.
        times: Words and when they begin.
        verified: Whether people checked the text.
    """

    name: str
    path: Path
    text: str
    language: str | None = None
    turns: list[Turn] | None = None
    times: list[TimedWord] | None = None
    verified: bool = True


def read_manifest(path: Path, language: str | None = None) -> list[Clip]:
    """Read a manifest.

    Args:
        path: The file; recordings are named relative to its folder.
        language: The language of clips for which the manifest names none.

    Raises:
        ManifestError: It can't be used; names the first line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ManifestError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path} isn't text in UTF-8.") from None
    rows = [(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise ManifestError(f"{path} is empty. docs/quality.md says what belongs there.")
    header = [cell.strip() for cell in rows[0][1].split("\t")]
    known = _table(path, header, rows[1:]) if _FILE in header else _list(path, rows)
    clips = [
        clip if clip.language is not None else msgspec.structs.replace(clip, language=language)
        for clip in known
    ]
    if not clips:
        raise ManifestError(f"{path} names no recording below its header.")
    return clips


def _table(path: Path, header: list[str], rows: Iterable[tuple[int, str]]) -> Iterator[Clip]:
    if not any(name in header for name in _TEXT):
        raise ManifestError(f"{path}, line 1: no column `text`. The columns are separated by tabs.")
    for number, line in rows:
        cells = line.split("\t")
        if len(cells) > len(header):
            raise ManifestError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)}. "
                f"Cells are separated by tabs and hold none."
            )
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        try:
            yield _clip(path.parent, row)
        except ValueError as error:
            raise ManifestError(f"{path}, line {number}: {error}.") from None


def _clip(folder: Path, row: Mapping[str, str]) -> Clip:
    """Return the clip of a row.

    Raises:
        ValueError: The row is wrong; says what.
    """
    name, text = row.get(_FILE, ""), _first(row, _TEXT)
    if not name:
        raise ValueError("no file is named")
    if text is None:
        raise ValueError(f"{name} has no cell `text`; it may be empty, where nobody speaks")
    code = _language(row.get("language", ""))
    return Clip(
        name=name,
        path=_there(folder, name),
        text=" ".join(_SPEAKER_NAME.sub(" ", text).split()),
        language=code,
        turns=_read_beside(folder, row.get("rttm"), read_turns),
        times=_read_beside(folder, _first(row, _TIMES), read_word_times),
        verified=not row.get("reference_source", "").startswith(_UNVERIFIED),
    )


def _list(path: Path, rows: Iterable[tuple[int, str]]) -> Iterator[Clip]:
    """Read lines of a recording's name and its text, as LibriSpeech has them."""
    for number, line in rows:
        name, *text = line.split(None, 1)
        file = next((f for s in _SUFFIXES if (f := path.parent / f"{name}{s}").is_file()), None)
        if file is None:
            hint = " The first line must name the columns, `file` among them." * (number == 1)
            raise ManifestError(
                f"{path}, line {number}: there is no {name}{_SUFFIXES[0]} beside it, nor with "
                f"another sound's ending.{hint}"
            )
        yield Clip(name=file.name, path=file, text="".join(text).strip())


def _first(row: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((row[name] for name in names if name in row), None)


def _language(text: str) -> str | None:
    code = language_code(text)
    if text and code is None:
        raise ValueError(f"'{text}' is no language; write its code, such as en")
    return code


def _there(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _read_beside(folder: Path, name: str | None, read: Callable[[Path], _Read]) -> _Read | None:
    """Read a file that a row names, if it does.

    Raises:
        ValueError: It isn't there or can't be understood.
    """
    if not name:
        return None
    path = _there(folder, name)
    try:
        return read(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} can't be used: {error}") from None
