"""Decides whether a message about an attempt counts: pure, on a locked row.

The runner mints a token at each claim. The first attempt that is heard of for a hand-out is
bound to the row; from then on only that one counts. A completion or a failure implies the
start whose message was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from dalston.common.messages import Attempt
from dalston.common.models import Cause, TaskStatus
from dalston.db.journal import Entry, attempt_entry
from dalston.db.locking import Locked, LockedTask

_IMPLY_A_START = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})


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
    # What the engine itself says implies the start whose message was lost or comes later: the
    # next hand-out begins, so that this attempt can't be bound any more.
    said_by_engine = cause in {Cause.RETRY, Cause.RELEASED} and task.may_bind(attempt)
    return Verdict.APPLIED if running or said_by_engine else Verdict.REFUSED


class Changed(NamedTuple):
    """The attempts whose transition applies, and what the history says about each."""

    attempts: list[Attempt]
    entries: list[Entry]


def judge(
    locked: Locked,
    messages: Sequence[tuple[Attempt, str]],
    rule: Callable[[LockedTask | None, Attempt], Verdict],
    after: TaskStatus,
) -> tuple[list[Verdict], Changed]:
    """Judge messages one by one, each on what those in front of it made of the locked rows.

    Args:
        locked: The rows; those whose transition applies follow it.
        messages: Each attempt and why its task changes.
        rule: One of the functions above.
        after: The status that the messages lead to.
    """
    verdicts: list[Verdict] = []
    changed = Changed([], [])
    for attempt, why in messages:
        task = locked.tasks.get(attempt.task_id)
        verdict = rule(task, attempt)
        verdicts.append(verdict)
        if task is not None and verdict is Verdict.APPLIED:
            changed.attempts.append(attempt)
            if task.status is TaskStatus.READY and after in _IMPLY_A_START:
                changed.entries.append(
                    attempt_entry(attempt, task.status, TaskStatus.RUNNING, "started")
                )
                task.move(TaskStatus.RUNNING, attempt)
            changed.entries.append(attempt_entry(attempt, task.status, after, why))
            task.move(after, attempt)
    return verdicts, changed
