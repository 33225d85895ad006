"""What is handled together in one transaction, and what has to be said after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from dalston.common.messages import Attempt, Event, JobUpdated, QueueEntry
from dalston.common.models import Cause, Failure, JobStatus, Part
from dalston.db.overdue import LateJob, UnplannedJob, WaitingTask
from dalston.db.transcripts import Transcript

_Kind = TypeVar("_Kind", bound=Event)


class TaskReturned(msgspec.Struct, frozen=True):
    """Not an event from outside: the sweep found that an attempt has ended without an outcome."""

    attempt: Attempt
    cause: Cause
    error: Failure


class Overdue(msgspec.Struct, frozen=True):
    """Not an event from outside: the sweep found what has waited or run for too long.

    Attributes:
        found: What was found, as it was then.
    """

    found: LateJob | UnplannedJob | WaitingTask
    error: Failure


class Batch(msgspec.Struct):
    """Events that are handled together.

    Attributes:
        abandoned: Jobs whose clients have gone away and wanted them stopped then.
        copied: Jobs whose transcript was put where people look for it, before the transaction.
        uncopied: Those of them for which that failed.
        parts: The chunks that finished tasks have cut their recording into, by task.
        small: The outputs, as JSON, that have no object.
        gone: Why jobs can't be resumed: what they would go on from is gone, or can't be read.
    """

    events: Sequence[Event] = ()
    returned: Sequence[TaskReturned] = ()
    repair: Sequence[str] = ()
    overdue: Sequence[Overdue] = ()
    abandoned: Sequence[str] = ()
    copied: set[str] = set()
    uncopied: set[str] = set()
    parts: dict[str, list[Part]] = {}
    small: dict[Attempt, str] = {}
    gone: dict[str, Failure] = {}

    def split(self) -> list[Batch]:
        """Return one batch for each thing that this one is about."""
        return [
            *(Batch(events=[event]) for event in self.events),
            *(Batch(returned=[item]) for item in self.returned),
            *(Batch(repair=[job_id]) for job_id in self.repair),
            *(Batch(overdue=[item]) for item in self.overdue),
            *(Batch(abandoned=[job_id]) for job_id in self.abandoned),
        ]

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the events of a kind, each once, in the order in which they came."""
        return list(dict.fromkeys(event for event in self.events if isinstance(event, kind)))

    def job_ids(self) -> set[str]:
        """Return the jobs that the batch is about."""
        about = {event.job_id for event in self.events} | {*self.repair, *self.abandoned}
        about |= {item.found.job_id for item in self.overdue}
        return about | {item.attempt.job_id for item in self.returned}

    def task_ids(self) -> set[str]:
        """Return the tasks that the batch is about."""
        about = {event.task_id for event in self.events if isinstance(event, Attempt)}
        found = [item.found for item in self.overdue]
        waiting = [one for one in found if isinstance(one, WaitingTask | UnplannedJob)]
        about |= {one.task_id for one in waiting if one.task_id is not None}
        return about | {item.attempt.task_id for item in self.returned}


class Effects(msgspec.Struct):
    """What has to be told to others once the transaction is committed.

    Attributes:
        close: Task id, hand-out and token of attempts that count no more.
        publish: What has become ready.
        fill: Engines with ready tasks that are not in `publish`.
        room: Engines whose queue may take more, should more be waiting.
        ended: Jobs that have ended, with their status.
        transcripts: Of completed jobs, those that have no object yet.
        doubtful: Jobs whose transcript was copied for nothing, so that an older one may lie there,
            or was not copied.
        withdraw: Jobs whose other tasks must be taken back from queues and engines.
    """

    close: list[tuple[str, int, str]] = []
    publish: list[QueueEntry] = []
    fill: set[str] = set()
    room: set[str] = set()
    ended: dict[str, JobStatus] = {}
    transcripts: list[Transcript] = []
    doubtful: set[str] = set()
    withdraw: list[str] = []
    started: list[str] = []

    def updates(self) -> list[JobUpdated]:
        """Return what listeners of jobs should hear."""
        begun = [JobUpdated(job_id, JobStatus.RUNNING) for job_id in self.started]
        return begun + [JobUpdated(job_id, status) for job_id, status in self.ended.items()]
