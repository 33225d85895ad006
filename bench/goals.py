"""What the figures should reach: what they must, and what they aim at."""

from __future__ import annotations

from dataclasses import dataclass

from bench.deployments import DISTRIBUTED, DISTRIBUTED_FOLDER, EMBEDDED
from bench.report import Row

_PARTS = frozenset({DISTRIBUTED, DISTRIBUTED_FOLDER})
_EVERYWHERE = _PARTS | {EMBEDDED}
_LOCAL_STORE = frozenset({DISTRIBUTED_FOLDER, EMBEDDED})


@dataclass(frozen=True)
class Goal:
    """What one measure should reach.

    Attributes:
        measure: The measure.
        against: Whom it is compared with: the ratio counts then, otherwise our value.
        must: The least that it must reach.
        aim: What it should reach.
        more_is_better: A higher figure is better than a lower one.
        deployments: Where the goal holds.
    """

    measure: str
    against: str | None
    must: float
    aim: float
    more_is_better: bool
    deployments: frozenset[str] = _PARTS

    def shown(self, value: float) -> str:
        """Return a limit as text."""
        return f"{'≥' if self.more_is_better else '≤'} {value:.3g}"

    def reached(self, row: Row) -> str:
        """Say whether a row reaches `aim`, `must`, or `no`; `?` if it has no figure."""
        value = row.value if self.against is None else row.ratio
        if value is None:
            return "?"
        if self._holds(value, self.aim):
            return "aim"
        return "must" if self._holds(value, self.must) else "no"

    def _holds(self, value: float, limit: float) -> bool:
        return value >= limit if self.more_is_better else value <= limit


GOALS = (
    Goal("jobs_per_second", "celery", 1, 3, more_is_better=True),
    Goal("jobs_per_second", "inline", 0.6, 1, more_is_better=True),
    Goal("idle_latency_ms", "celery", 1.5, 0.8, more_is_better=False),
    Goal("cpu_ms_per_job", "celery", 1, 1 / 3, more_is_better=False),
    Goal("errors_at_256_submitters", None, 0, 0, more_is_better=False, deployments=_EVERYWHERE),
    Goal("jobs_per_second_at_100k", "empty", 0.8, 1, more_is_better=True),
    Goal("engine_memory_mb", None, 60, 45, more_is_better=False),
    Goal("gateway_memory_mb", None, 75, 55, more_is_better=False),
    Goal("orchestrator_memory_mb", None, 60, 45, more_is_better=False),
    Goal("upload_memory_mb", None, 64, 32, more_is_better=False, deployments=_EVERYWHERE),
    Goal(
        *("speech_seconds", "library", 1.1, 1),
        more_is_better=False,
        deployments=frozenset({DISTRIBUTED_FOLDER}),
    ),
    Goal(
        *("upload_mb_per_second", "uploadfile", 1.5, 2.5),
        more_is_better=True,
        deployments=_LOCAL_STORE,
    ),
)


def goal_of(row: Row) -> Goal | None:
    """Return the goal that holds for a row, if one does."""
    for goal in GOALS:
        if (goal.measure, goal.against) == (row.measure, row.against):
            return goal if row.deployment in goal.deployments else None
    return None
