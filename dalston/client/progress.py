"""What a person sees on standard error while files are transcribed.

On a terminal: a line for each file that is being worked on, redrawn. Elsewhere: a line of text
for each thing that happens.
"""

from __future__ import annotations

import contextlib
import time
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_PLAIN_STEP = 0.1
_PLAIN_SECONDS = 2.0
_MEGABYTE = 1_000_000
_LONGEST_NAME = 40


class Display(ABC):
    """Tells what happens. A file is known by its place on the command line."""

    def __init__(self, names: list[str]) -> None:
        self._names = [printable_name(name) for name in names]
        self._begun: dict[int, float] = {}

    @abstractmethod
    def say(self, text: str) -> None:
        """Show a line about the whole."""

    @abstractmethod
    def step(self, file: int, what: str, share: float | None = None) -> None:
        """Show what is being done with a file, and how much of it is done (0 to 1) if known."""

    def uploading(self, file: int, sent: int, total: int) -> None:
        """Show how far an upload is, in bytes."""
        self._begun.setdefault(file, time.monotonic())
        self.step(file, f"upload {total / _MEGABYTE:.1f} MB", sent / total if total else None)

    def done(self, file: int, audio_seconds: float | None) -> None:
        """Show that a file has its transcript."""
        took = time.monotonic() - self._begun.get(file, time.monotonic())
        audio = "" if audio_seconds is None else f"{audio_seconds:.1f} s of audio "
        self._end(file, f"{audio}done in {took:.1f} s", good=True)

    def failed(self, file: int, reason: str) -> None:
        """Show why a file has no transcript."""
        self._end(file, f"failed: {printable(reason)}", good=False)

    @abstractmethod
    def warned(self, file: int, *texts: str) -> None:
        """Show lines about what may be wrong in a file's transcript."""

    @abstractmethod
    def _end(self, file: int, text: str, *, good: bool) -> None: ...

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Keep away from the terminal while something else is written there."""
        yield

    def close(self) -> None:  # noqa: B027 - most streams need nothing
        """Leave the terminal as it should be."""


class PlainDisplay(Display):
    """Lines of text, few enough for a log."""

    def __init__(self, names: list[str], stream: TextIO) -> None:
        super().__init__(names)
        self._stream = stream
        self._last: dict[int, tuple[str, float, float]] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"dalston: {text}", file=self._stream, flush=True)

    def step(self, file: int, what: str, share: float | None = None) -> None:
        """Print a line when something new begins, and at times how far it is."""
        now, done = time.monotonic(), share or 0.0
        last = self._last.get(file)
        if last is not None and last[0] == what:
            if done < last[1] + _PLAIN_STEP or now < last[2] + _PLAIN_SECONDS:
                return
            self.say(f"{self._names[file]}: {what} {100 * done:.0f} %")
        else:
            self.say(f"{self._names[file]}: {what}")
        self._last[file] = (what, done, now)

    def warned(self, file: int, *texts: str) -> None:
        """Print each line with the file's name."""
        for text in texts:
            self.say(f"{self._names[file]}: {text}")

    def _end(self, file: int, text: str, *, good: bool) -> None:
        del good
        self.say(f"{self._names[file]}: {text}")


@dataclass
class _Row:
    name: str
    what: str
    share: float | None
    begun: float


class TerminalDisplay(Display):
    """A line for each file in work, redrawn in place."""

    def __init__(self, names: list[str], console: Console) -> None:
        super().__init__(names)
        self._console = console
        self._rows: dict[int, _Row] = {}
        self._live = self._started()

    def _started(self) -> Live:
        live = Live(
            console=self._console,
            get_renderable=self._drawn,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _drawn(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for _ in range(5):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for row in list(self._rows.values()):
            bar = ProgressBar(total=1, completed=row.share or 0, width=24, pulse=row.share is None)
            percent = "" if row.share is None else f"{100 * row.share:3.0f} %"
            seconds = f"{time.monotonic() - row.begun:.0f} s"
            table.add_row(Text(row.name), bar, percent, seconds, Text(row.what, "cyan"))
        return table

    def say(self, text: str) -> None:
        """Print a line above the rows."""
        self._console.print(Text(text, "dim"))

    def step(self, file: int, what: str, share: float | None = None) -> None:
        """Redraw the file's row."""
        if file in self._rows:
            row = self._rows[file]
            row.what, row.share = what, share
        else:
            name = shortened(self._names[file])
            self._rows[file] = _Row(name, what, share, time.monotonic())

    def warned(self, file: int, *texts: str) -> None:
        """Print each line with the file's name."""
        for text in texts:
            self._console.print(Text.assemble((self._names[file], "bold"), "  ", (text, "yellow")))

    def _end(self, file: int, text: str, *, good: bool) -> None:
        self._rows.pop(file, None)
        style = "green" if good else "red"
        self._console.print(Text.assemble((self._names[file], "bold"), "  ", (text, style)))

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the rows away, and put them back."""
        self._live.stop()
        try:
            yield
        finally:
            self._live = self._started()

    def close(self) -> None:
        """Take the rows away."""
        self._live.stop()


def display_for(names: list[str], stream: TextIO) -> Display:
    """Return the display that fits a stream."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return TerminalDisplay(names, console)
    return PlainDisplay(names, stream)


def printable(text: str) -> str:
    """Return text that can't move a terminal's cursor: control characters become `?`."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(
        letter if letter == "\n" or unicodedata.category(letter)[0] != "C" else "?"
        for letter in whole
    )


def printable_name(name: str) -> str:
    """Return a file's name on one line: with another one it could tell of what never happened."""
    return printable(name).replace("\n", "?")


def shortened(name: str) -> str:
    """Return a name that leaves room for the rest of its row."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
