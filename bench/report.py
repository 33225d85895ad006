"""Figures, and the circumstances that they were measured in, to `bench/out/latest.json`."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

OUTPUT = Path(__file__).parent / "out" / "latest.json"
_PACKAGES = ("celery", "taskiq", "fastapi", "uvicorn", "redis", "asyncpg")


@dataclass(frozen=True)
class Row:
    """One measure of one deployment, beside somebody else's where there is one.

    Attributes:
        deployment: What was measured.
        measure: What of it; the name ends with the unit.
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
    def value(self) -> float:
        """Our median; of errors the sum, since one of them is one too many."""
        if self.measure.startswith("errors"):
            return sum(self.ours)
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        """Our median over theirs."""
        if not self.theirs or statistics.median(self.theirs) == 0:
            return None
        return self.value / statistics.median(self.theirs)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of each round, where both were measured in turns."""
        if len(self.ours) != len(self.theirs) or 0 in self.theirs:
            return ()
        return tuple(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))


@dataclass(frozen=True)
class Circumstances:
    """Where and when it was measured, with what, and how busy the machine was with other things.

    Attributes:
        options: How `make bench` was called.
        load: Load average of the last minute, before and after.
        others: Share of the processors' time that programs outside the benchmark used; None where
            that can't be known.
        minutes: How long it took.
    """

    date: str
    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str
    packages: dict[str, str]
    options: str
    load: tuple[float, float]
    others: float | None
    minutes: float


class Surroundings:
    """Looks at the machine from the beginning of the measurements on."""

    def __init__(self, options: str) -> None:
        self._options = options
        self._date = datetime.now(UTC).isoformat(timespec="seconds")
        self._load = os.getloadavg()[0]
        self._begin = time.monotonic()
        self._busy = _busy_seconds()

    def now(self) -> Circumstances:
        """Return what is known when everything has been measured, and its processes have ended."""
        seconds = time.monotonic() - self._begin
        cores = os.cpu_count() or 1
        busy = _busy_seconds()
        others = None
        if busy is not None and self._busy is not None:
            others = max(0.0, busy - self._busy - _own_seconds()) / seconds / cores
        return Circumstances(
            date=self._date,
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            processor=_processor(),
            cores=cores,
            memory_gb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9,
            python=platform.python_version(),
            packages={name: version(name) for name in _PACKAGES},
            options=self._options,
            load=(self._load, os.getloadavg()[0]),
            others=others,
            minutes=seconds / 60,
        )


def _busy_seconds() -> float | None:
    """Return the seconds in which the machine's processors have worked, from proc_stat(5)."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, first.split()[1:9])
    ticks = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + soft_irq + steal) / ticks


def _own_seconds() -> float:
    """Return the processor seconds of this process and of all that it started and saw end."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


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
                "ours": row.value,
                "theirs": statistics.median(row.theirs) if row.theirs else None,
                "ratio": row.ratio,
                "rounds": {"ours": row.ours, "theirs": row.theirs},
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
