"""Figures as people read them: on the terminal, and in a document."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.goals import goal_of
from bench.report import Circumstances, Row

HEAD = ("deployment", "measure", "against", "ours", "theirs", "ratio", "must", "aim", "reached")
_WHOLE = 100.0
"""From here on a figure is shown without decimals."""


def number(value: float | None) -> str:
    """Return a figure with the three digits that count."""
    if value is None:
        return ""
    return f"{value:.0f}" if value == 0 or abs(value) >= _WHOLE else f"{value:.3g}"


def with_spread(middle: float | None, values: Sequence[float]) -> str:
    """Return a figure with its lowest and highest value, such as `12 (11.8-14)`."""
    if len(set(values)) <= 1:
        return number(middle)
    return f"{number(middle)} ({number(min(values))}-{number(max(values))})"


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as text, in the order of `HEAD`."""
    goal = goal_of(row)
    theirs = statistics.median(row.theirs) if row.theirs else None
    return (
        row.deployment,
        row.measure,
        row.against or "",
        with_spread(row.value, row.ours),
        with_spread(theirs, row.theirs),
        with_spread(row.ratio, row.ratios),
        "" if goal is None else goal.shown(goal.must),
        "" if goal is None else goal.shown(goal.aim),
        "" if goal is None else goal.reached(row),
    )


def terminal_table(rows: Sequence[Row]) -> str:
    """Return rows in columns; those that have a goal come first."""
    lines = [HEAD, *(cells(row) for row in in_order(rows))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown_table(rows: Sequence[Row], places: Sequence[int]) -> str:
    """Return rows as a table of Markdown, with some of the columns."""
    lines = [
        [HEAD[place] for place in places],
        ["---"] * len(places),
        *([cells(row)[place] for place in places] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows with a goal first, otherwise as they are."""
    return sorted(rows, key=lambda row: goal_of(row) is None)


def surroundings(around: Circumstances) -> str:
    """Return where and when it was measured, a line for each."""
    packages = ", ".join(f"{name} {version}" for name, version in around.packages.items())
    others = "unknown" if around.others is None else f"{100 * around.others:.0f} %"
    return (
        f"{around.date}, {around.minutes:.1f} minutes; options: {around.options or 'none'}\n"
        f"{around.processor}, {around.cores} cores, {around.memory_gb:.0f} GB, {around.system}\n"
        f"Python {around.python}, {packages}\n"
        f"Load average {around.load[0]:.2f} before and {around.load[1]:.2f} after; programs "
        f"outside the benchmark used {others} of the processors"
    )
