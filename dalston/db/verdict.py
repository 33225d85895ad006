"""Decides whether a message about an attempt counts: pure, on a locked row.

The runner mints a token at each claim. The first attempt that is heard of for a hand-out is
bound to the row; from then on only that one counts. A completion or a failure implies the
start whose message was lost.
"""

from __future__ import annotations

from enum import StrEnum

from dalston.common.messages import Attempt
from dalston.common.models import Cause, TaskStatus
from dalston.db.locking import LockedTask


class Verdict(StrEnum):
    """What becomes of a message about an attempt."""

    APPLIED = "applied"
    """The state changes."""
    REPEATED = "repeated"
    """The state is that already, by the same attempt."""
    REFUSED = "refused"
    """Another attempt counts, or none any more."""


def on_start(task: LockedTask | None, attempt: Attempt) -> Verdict:
    """Judge `task.started`."""
    if task is None:
        return Verdict.REFUSED
    if task.may_bind(attempt):
        return Verdict.APPLIED
    repeated = task.status is TaskStatus.RUNNING and task.is_attempt(attempt)
    return Verdict.REPEATED if repeated else Verdict.REFUSED


def on_completion(task: LockedTask | None, attempt: Attempt) -> Verdict:
    """Judge `task.completed`."""
    return _on_end(task, attempt, TaskStatus.COMPLETED)


def on_failure(task: LockedTask | None, attempt: Attempt) -> Verdict:
    """Judge `task.failed`, when no retry is left."""
    return _on_end(task, attempt, TaskStatus.FAILED)


def _on_end(task: LockedTask | None, attempt: Attempt, wanted: TaskStatus) -> Verdict:
    if task is None:
        return Verdict.REFUSED
    if task.may_bind(attempt):
        return Verdict.APPLIED
    if not task.is_attempt(attempt):
        return Verdict.REFUSED
    if task.status is TaskStatus.RUNNING:
        return Verdict.APPLIED
    return Verdict.REPEATED if task.status is wanted else Verdict.REFUSED


def on_return(cause: Cause, task: LockedTask | None, attempt: Attempt) -> Verdict:
    """Judge what leads from running back to ready."""
    if task is None:
        return Verdict.REFUSED
    running = task.status is TaskStatus.RUNNING and task.is_attempt(attempt)
    # A hand-back of a task that was never seen to start changes nothing: it is ready as it is.
    unseen_failure = cause is Cause.RETRY and task.may_bind(attempt)
    return Verdict.APPLIED if running or unseen_failure else Verdict.REFUSED
