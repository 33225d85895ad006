"""Writes docs/performance.md; what stands between its marks there stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.deployments import DEPLOYMENTS, DISTRIBUTED
from bench.goals import goal_of
from bench.report import Circumstances, Row
from bench.table import markdown_table, surroundings

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
_TEXTS = Path(__file__).parent / "texts"
KEPT_BEGIN, KEPT_END = "<!-- kept: begin -->", "<!-- kept: end -->"
"""What stands between these two lines is written by hand."""
_WITH_GOALS = (0, 1, 2, 3, 4, 5, 6, 7, 8)
_PLAIN = (1, 2, 3, 4, 5)


def write_document(rows: Sequence[Row], around: Circumstances, path: Path = DOCUMENT) -> Path:
    """Write the figures of a full run.

    Args:
        rows: All of them.
        around: Where and when they were measured.
        path: The document; what is between its marks is kept.

    Returns:
        The document.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    goals = [row for row in rows if goal_of(row) is not None]
    details = [
        f"### {deployment}\n\n{text[0].upper()}{text[1:]}.\n\n"
        + markdown_table([row for row in rows if row.deployment == deployment], _PLAIN)
        for deployment, text in DEPLOYMENTS.items()
    ]
    parts = [
        _text("introduction"),
        "## What is to be reached",
        _text("goals"),
        markdown_table([row for row in goals if row.deployment == DISTRIBUTED], _WITH_GOALS[1:]),
        "The other deployments, where a goal holds for them too:",
        markdown_table([row for row in goals if row.deployment != DISTRIBUTED], _WITH_GOALS),
        "\n".join(f"- {line}" for line in surroundings(around).splitlines()),
        _text("meaning"),
        f"{KEPT_BEGIN}\n{kept(old)}\n{KEPT_END}",
        "## All figures",
        _text("figures"),
        *details,
        _text("method"),
    ]
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return path


def kept(document: str) -> str:
    """Return what is written by hand in a document."""
    inside = document.partition(KEPT_BEGIN)[2].partition(KEPT_END)[0]
    return inside.strip() or "## What each change gave\n\nNothing is written down yet."


def _text(name: str) -> str:
    return (_TEXTS / f"{name}.md").read_text(encoding="utf-8")
