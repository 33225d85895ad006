"""The figures in a terminal, and as Markdown for a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dalston.client.progress import printable
from dalston.common.wording import counted
from dalston.evaluation import figures
from dalston.evaluation.results import Evaluation, Total

_WIDTH_WITHOUT_TERMINAL = 160


class _Column(NamedTuple):
    """A column of the totals: its heading, and what stands in it."""

    heading: str
    cell: Callable[[Total], str]


TOTALS = (
    _Column("language", lambda total: total.name),
    _Column("clips", figures.clips),
    _Column("audio", lambda total: figures.seconds(total.audio_seconds)),
    _Column("reference", lambda total: counted(total.words.reference, total.words.unit)),
    _Column("errors", lambda total: figures.changes(total.words)),
    _Column("error rate", lambda total: figures.percent(total.rate)),
    _Column("word starts, median/90 %", lambda total: figures.word_times(total.times)),
    _Column("diarization error rate", figures.diarization),
    _Column("real-time factor", lambda total: figures.factor(total.real_time_factor)),
)
"""What is said of each group of clips, here and on the page."""


def print_tables(found: Evaluation, stream: TextIO) -> None:
    """Print a table of the clips, one of the totals, and what they belong to."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            file=stream, highlight=False, markup=False, emoji=False, width=_WIDTH_WITHOUT_TERMINAL
        )
    console.print(_clips(found), _totals(found), sep="\n")
    if found.confidences:
        console.print(_confidences(found))
    for result in found.clips:
        if result.failed:
            reason = f"{result.clip} failed: {result.error}"
            console.print(Text(printable(reason), "red"), soft_wrap=True)
    for name, value in figures.facts(found.circumstances):
        console.print(Text.assemble((f"{name}: ", "bold"), printable(value)), soft_wrap=True)
    for note in figures.notes(found):
        console.print(Text(note, "dim"), soft_wrap=True)


def _clips(found: Evaluation) -> Table:
    table = Table("clip", "language", title="Clips", title_justify="left")
    for heading in figures.CLIP_HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for result in found.clips:
        mark = "" if result.verified else f" {figures.UNVERIFIED}"
        style = "red" if result.failed else ""
        name = Text(printable(result.clip) + mark, style)
        cells = (Text(cell, style) for cell in figures.clip(result))
        table.add_row(name, result.language or figures.NONE, *cells)
    return table


def _totals(found: Evaluation) -> Table:
    table = Table(title="Totals", title_justify="left")
    for number, column in enumerate(TOTALS):
        table.add_column(column.heading, justify="right" if number else "left")
    for total in found.totals:
        table.add_row(*(Text(column.cell(total)) for column in TOTALS))
    return table


def _confidences(found: Evaluation) -> Table:
    table = Table(title="What confidences are worth", title_justify="left")
    for number, heading in enumerate(figures.CONFIDENCE_HEADINGS):
        table.add_column(heading, justify="right" if number else "left")
    for row in figures.confidences(found.confidences):
        table.add_row(*row)
    return table


def markdown(found: Evaluation) -> str:
    """Return the totals, and what confidences are worth, as tables of Markdown.

    Each row of the totals has pipeline, model and manifest, so the rows of several calls can stand
    below each other.
    """
    known = found.circumstances
    common = {
        "pipeline": known.pipeline,
        "model": figures.models(known),
        "manifest": known.manifest,
    }
    headings = [*common, *(column.heading for column in TOTALS)]
    rows = [
        [*common.values(), *(column.cell(total) for column in TOTALS)] for total in found.totals
    ]
    tables = [_table(headings, rows)]
    if found.confidences:
        tables.append(_table(figures.CONFIDENCE_HEADINGS, figures.confidences(found.confidences)))
    return "\n\n".join(tables)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(headings), _row(["---"] * len(headings)), *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
