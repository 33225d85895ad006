"""Where transcripts go: to standard output in the order of the files, or each to a file."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from dalston.client.recordings import Recording
from dalston.common.formats import SUBTITLES, written
from dalston.common.subtitles import Rules

_LONGEST_NAME = 255
"""Bytes of a file's name on the usual file systems."""
_MARK_LETTERS = 8


class OutputError(Exception):
    """Transcripts can't go where they were asked to go; the text says what to do."""


class Output(ABC):
    """Takes each file's transcript. A file is known by its place on the command line."""

    ordered = False
    """Whether transcripts must come in the order of the files."""

    def __init__(self, output_format: str, rules: Rules) -> None:
        self._format = output_format
        self._rules = rules

    def has(self, file: int) -> bool:
        """Tell whether a transcript is there from before, and is newer than its recording."""
        del file
        return False

    def require(self, files: Iterable[int]) -> None:
        """Find out before the work whether the transcripts of some files can be written.

        Raises:
            OutputError: They can't.
        """
        del files

    @abstractmethod
    def put(self, file: int, transcript: Mapping[str, Any]) -> None:
        """Write a transcript.

        Raises:
            OSError: It can't be written.
            ValueError: It is no transcript.
        """

    def _written(self, transcript: Mapping[str, Any]) -> str:
        return written(transcript, self._format, self._rules)


class StandardOutput(Output):
    """Standard output, in UTF-8 whatever the terminal's settings.

    One file: the transcript and nothing else. Several: text under a heading with the file's
    name, or JSON on one line for each file, with its name in `file`.
    """

    ordered = True

    def __init__(
        self,
        recordings: Sequence[Recording],
        output_format: str,
        stream: IO[bytes],
        rules: Rules,
    ) -> None:
        super().__init__(output_format, rules)
        if len(recordings) > 1 and output_format in SUBTITLES:
            raise OutputError(
                f"Subtitles of several files can't share one output. Name a folder for them: "
                f"--format {output_format} --output-dir DIR"
            )
        self._files = [recording.path for recording in recordings]
        self._stream = stream

    def put(self, file: int, transcript: Mapping[str, Any]) -> None:
        """Write to standard output."""
        if len(self._files) == 1:
            data = self._written(transcript).encode()
        else:
            data = self._one_of_many(os.fsdecode(self._files[file]), transcript)
        self._stream.write(data)
        self._stream.flush()

    def _one_of_many(self, name: str, transcript: Mapping[str, Any]) -> bytes:
        name = name.encode("utf-8", "replace").decode()
        if self._format == "json":
            return msgspec.json.encode({"file": name, **transcript}) + b"\n"
        return f"==> {name} <==\n{self._written(transcript)}\n".encode()


class FolderOutput(Output):
    """A file for each recording, below one folder. A file that is there already is replaced."""

    def __init__(
        self, recordings: Sequence[Recording], output_format: str, folder: Path, rules: Rules
    ) -> None:
        super().__init__(output_format, rules)
        self._recordings = [recording.path for recording in recordings]
        names = output_names(recordings, output_format)
        self._targets = [folder / name for name, _ in names]
        self._own = [own for _, own in names]
        for parent in {folder, *(target.parent for target in self._targets)}:
            try:
                parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"The folder {parent} can't be made: {error.strerror}.") from None
        inputs = {path.resolve() for path in self._recordings}
        for target in self._targets:
            if target.resolve() in inputs:
                raise OutputError(f"{target} would be overwritten. Choose another --output-dir.")

    def has(self, file: int) -> bool:
        """Tell whether a transcript is there from before, and is newer than its recording.

        Under a name that several recordings would have it may be another one's: nobody can tell.
        """
        try:
            written = self._targets[file].stat().st_mtime
            return self._own[file] and written >= self._recordings[file].stat().st_mtime
        except OSError:
            return False

    def require(self, files: Iterable[int]) -> None:
        """Find out before the work whether the transcripts of some files can be written."""
        for folder in sorted({self._targets[file].parent for file in files}):
            _require_writable(folder)

    def put(self, file: int, transcript: Mapping[str, Any]) -> None:
        """Write the file at once or not at all."""
        target = self._targets[file]
        partial = target.parent / f".dalston-{os.getpid()}-{file}.part"
        try:
            partial.write_bytes(self._written(transcript).encode())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _require_writable(folder: Path) -> None:
    """Find out before hours of work whether files can be written to a folder.

    Raises:
        OutputError: They can't.
    """
    probe = folder / f".dalston-{os.getpid()}.part"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        with suppress(OSError):
            probe.unlink()
        raise OutputError(
            f"Nothing can be written to the folder {folder}: {error.strerror}."
        ) from None


def output_names(recordings: Sequence[Recording], output_format: str) -> list[tuple[Path, bool]]:
    """Return a path for each recording's transcript, no two the same, whatever case counts for.

    `talk.mp3` gives `talk.txt`; where two would be the same, `talk.mp3.txt`, then with a number.

    Returns:
        Each path, and whether its recording alone would have it: who gets which number depends on
        what else there is in a call, and may be otherwise in the next one.
    """
    stems = Counter(_folded(one.folder / one.path.stem) for one in recordings)
    bases = [
        one.path.stem if stems[_folded(one.folder / one.path.stem)] == 1 else one.path.name
        for one in recordings
    ]
    wanted = [
        one.folder / _fitting(base, f".{output_format}")
        for one, base in zip(recordings, bases, strict=True)
    ]
    wishes = Counter(map(_folded, wanted))
    names: dict[str, tuple[Path, bool]] = {}
    for one, base, wish in zip(recordings, bases, wanted, strict=True):
        name, number = wish, 1
        while _folded(name) in names:
            number += 1
            name = one.folder / _fitting(base, f".{number}.{output_format}")
        names[_folded(name)] = name, number == 1 and wishes[_folded(wish)] == 1
    return list(names.values())


def _fitting(base: str, ending: str) -> str:
    """Return a file's name that a folder takes: one too long ends with a mark of the whole."""
    whole = os.fsencode(base)
    if len(whole) + len(ending) <= _LONGEST_NAME:
        return f"{base}{ending}"
    ending = f"-{hashlib.sha256(whole).hexdigest()[:_MARK_LETTERS]}{ending}"
    return f"{whole[: _LONGEST_NAME - len(ending)].decode('utf-8', 'ignore')}{ending}"


def _folded(path: Path) -> str:
    return str(path).casefold()
