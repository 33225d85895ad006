"""Figures to a table and to `bench/out/latest.json`."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

OUTPUT = Path(__file__).parent / "out" / "latest.json"


@dataclass(frozen=True)
class Row:
    """One measure of one deployment, beside somebody else's where there is one.

    Attributes:
        deployment: What was measured.
        measure: What of it, with its unit.
        against: Whom it is compared with, or None.
        ours: Our values, one per round.
        theirs: The others' values, one per round; empty if there are none.
    """

    deployment: str
    measure: str
    against: str | None
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Our median over theirs."""
        if not self.theirs or statistics.median(self.theirs) == 0:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)


@dataclass(frozen=True)
class Circumstances:
    """Where and when it was measured, and how busy the machine was with other things."""

    date: str
    system: str
    processor: str
    cores: int
    python: str
    load_before: float
    load_after: float = 0.0


def circumstances() -> Circumstances:
    """Look at the machine, before anything is measured."""
    return Circumstances(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 0,
        python=platform.python_version(),
        load_before=os.getloadavg()[0],
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def spread(values: Sequence[float]) -> str:
    """Return the median with minimum and maximum, such as `12.1 (11.8-14.0)`."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):.4g}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.4g}-{max(values):.4g})"


def table(rows: Sequence[Row], around: Circumstances) -> str:
    """Return everything as text; values are median (minimum-maximum) of the rounds."""
    cells = [["measure", "ours", "theirs", "ratio"]]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append([row.measure, spread(row.ours), spread(row.theirs), ratio])
    widths = [max(len(line[place]) for line in cells) for place in range(4)]
    lines = [
        f"{around.processor}, {around.cores} cores, {around.system}, Python {around.python}",
        f"{around.date}, load average {around.load_before:.2f} to {around.load_after:.2f}",
        f"ours: {rows[0].deployment}; theirs: {rows[0].against}",
        "",
    ]
    for name, *values in cells:
        figures = "  ".join(
            f"{value:>{width}}" for value, width in zip(values, widths[1:], strict=True)
        )
        lines.append(f"{name:<{widths[0]}}  {figures}".rstrip())
    return "\n".join(lines)


def write(rows: Sequence[Row], around: Circumstances, path: Path = OUTPUT) -> None:
    """Write the rows for programs; what is written is never committed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    content = {
        "circumstances": asdict(around),
        "rows": [
            {
                "deployment": row.deployment,
                "measure": row.measure,
                "against": row.against,
                "ours": statistics.median(row.ours),
                "theirs": statistics.median(row.theirs) if row.theirs else None,
                "ratio": row.ratio,
                "rounds": {"ours": row.ours, "theirs": row.theirs},
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
