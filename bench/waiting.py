"""Waiting for what a measurement depends on, in the same way for every server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

JOBS_SECONDS = 120.0
COUNT_COMPLETED = "SELECT count(*) FROM jobs WHERE status = 'completed'"
_IS_COMPLETED = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND status = 'completed')"
_JOB_PAUSE, _COUNT_PAUSE = 0.001, 0.01


class MeasureError(Exception):
    """Something did not do its work, so that there is nothing to measure."""


class Asked(Protocol):
    """A kept connection to a database with a table `jobs` that has `id` and `status`."""

    def value(self, statement: str, *values: str) -> Any:  # noqa: ANN401 - whatever the column holds
        """Return the first column of the first row of a query."""


def seen(
    condition: Callable[[], object], what: str, seconds: float = 60.0, pause: float = 0.02
) -> float:
    """Wait until a condition is true.

    Args:
        condition: Asked again and again.
        what: Says what is waited for, for the failure.
        seconds: How long at most.
        pause: Seconds between two questions.

    Returns:
        When that was seen, in seconds of the system's monotonic clock.

    Raises:
        MeasureError: It took too long.
    """
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise MeasureError(f"after {seconds:.0f} s still waiting for {what}")
        time.sleep(pause)
    return time.monotonic()


def watch_job(
    connection: Asked, job_id: str, seconds: float = JOBS_SECONDS, pause: float = _JOB_PAUSE
) -> float:
    """Wait until a job's row is completed.

    Args:
        connection: Asked again and again.
        job_id: The job.
        seconds: How long at most.
        pause: Seconds between two questions.

    Returns:
        When that was seen, in seconds of the system's monotonic clock.

    Raises:
        MeasureError: It took too long.
    """
    return seen(lambda: connection.value(_IS_COMPLETED, job_id), job_id, seconds, pause)


def watch_count(connection: Asked, wanted: int) -> float:
    """Wait until so many jobs are completed, with ten milliseconds between two questions.

    Returns:
        When that was seen, in seconds of the system's monotonic clock.

    Raises:
        MeasureError: It took too long.
    """
    return seen(
        lambda: connection.value(COUNT_COMPLETED) >= wanted,
        f"{wanted} jobs to be completed",
        JOBS_SECONDS,
        _COUNT_PAUSE,
    )
