"""How far a running job is, from its tasks and from what their engines say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dalston.common.models import Job, JobStatus, Part, Task, TaskStatus

_BEFORE_CHUNKS = 0.05
"""Share of a job that is done once its recording has been cut into chunks."""
_BEHIND_CHUNKS = 0.02
"""Share of a job that is left when all chunks are done."""
_EARLIEST_ESTIMATE = 0.1
"""Below this share the time that is left can't be told from the time that has passed."""
_ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.SKIPPED, TaskStatus.FAILED})


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        fraction: Of all its work, 0 to 1.
        audio_seconds_done: Seconds of the recording whose chunks are finished.
        audio_seconds: Length of the recording in seconds, once it is known.
        eta_seconds: Seconds that it will take from now on at the present pace, once that can
            be said.
    """

    fraction: float
    audio_seconds_done: float
    audio_seconds: float | None
    eta_seconds: float | None


def progress_fields(progress: Progress) -> dict[str, float | None]:
    """Return how far a job is, as it is shown; times are in seconds."""
    eta = progress.eta_seconds
    return {
        "fraction": round(progress.fraction, 4),
        "audio_seconds_done": round(progress.audio_seconds_done, 3),
        "audio_seconds": progress.audio_seconds,
        "eta_seconds": None if eta is None else round(eta, 1),
    }


def progress_of(
    job: Job, own_tasks: Sequence[Task], running: Mapping[str, float], now: datetime
) -> Progress:
    """Return how far a job is.

    Args:
        job: The job.
        own_tasks: All tasks that it has by now.
        running: Done share of each running task, 0 to 1, by id, where the engine says it.
        now: The moment, by a clock that goes with `job.started_at`.
    """
    if job.status is JobStatus.COMPLETED:
        length = length_of(own_tasks)
        return Progress(1.0, length or 0.0, length, 0.0)
    of_chunks = _of_all_chunks(own_tasks)
    if of_chunks:
        channels = len({task.part.channel for task in of_chunks if task.part is not None})
        done, known = _chunks_done(of_chunks, running)
        cut = _cut_share(own_tasks, running)
        share = 1.0 - _BEFORE_CHUNKS - _BEHIND_CHUNKS
        fraction = cut * (_BEFORE_CHUNKS + (share * done / known if known else 0.0))
        finished = _finished_seconds(of_chunks) / channels
        length = known / channels if cut == 1.0 else None
        return Progress(fraction, finished, length, _estimate(job, fraction, now))
    fraction = _plain_share(own_tasks, running)
    return Progress(fraction, 0.0, None, _estimate(job, fraction, now))


def length_of(own_tasks: Sequence[Task]) -> float | None:
    """Return the length of the recording in seconds, as far as it has been cut."""
    return max((task.part.core_end for task in own_tasks if task.part is not None), default=None)


def finished_outputs(own_tasks: Sequence[Task]) -> list[str]:
    """Return the object paths of the transcribed chunks, in order of time."""
    heard = [task for task in own_tasks if task.part is not None and task.stage == "transcribe"]
    in_order = sorted(heard, key=lambda task: task.index)
    return [task.output_path for task in in_order if task.output_path is not None]


def first_heard(own_tasks: Sequence[Task]) -> list[tuple[str, Part]]:
    """Return outputs' object paths of the chunks whose text is sure, from the start.

    It ends at the first chunk that isn't finished or is of one channel, and at the first that
    shares sound with its neighbour: which of the two has a word is decided when all are joined.
    """
    heard = [task for task in own_tasks if task.part is not None and task.stage == "transcribe"]
    found: list[tuple[str, Part]] = []
    for place, task in enumerate(sorted(heard, key=lambda task: task.index)):
        part = task.part
        if part is None or task.output_path is None or task.index != place:
            break
        if part.channel is not None:
            # Those of several channels are ordered by time when all are there.
            break
        if part.start < part.core_start or part.end > part.core_end:
            break
        found.append((task.output_path, part))
    return found


def _of_all_chunks(own_tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks of the stages that work on each chunk, not only on the first."""
    counts = Counter(task.stage for task in own_tasks if task.part is not None)
    most = max(counts.values(), default=0)
    return [task for task in own_tasks if task.part is not None and counts[task.stage] == most]


def _seconds(part: Part | None) -> float:
    return 0.0 if part is None else part.core_end - part.core_start


def _done_share(task: Task, running: Mapping[str, float]) -> float:
    if task.status in _ENDED:
        return 1.0
    return running.get(task.id, 0.0) if task.status is TaskStatus.RUNNING else 0.0


def _chunks_done(tasks: Sequence[Task], running: Mapping[str, float]) -> tuple[float, float]:
    """Return the seconds of audio that are done, all stages alike, and all of them."""
    stages = len({task.stage for task in tasks})
    done = sum(_done_share(task, running) * _seconds(task.part) for task in tasks) / stages
    return done, sum(_seconds(task.part) for task in tasks) / stages


def _cut_share(own_tasks: Sequence[Task], running: Mapping[str, float]) -> float:
    """Return how much of the recording has been cut: of the rest no chunks are known.

    While an engine that cuts doesn't say how far it is, that is 0: no share can be told then.
    """
    cutting = [task for task in own_tasks if task.expands and task.status not in _ENDED]
    # The end of the cutting is told by the task's row alone.
    return min((min(0.99, _done_share(task, running)) for task in cutting), default=1.0)


def _finished_seconds(tasks: Sequence[Task]) -> float:
    """Return the seconds of audio for which no stage has anything left to do."""
    open_places = {task.index for task in tasks if task.status not in _ENDED}
    finished = {task.index: _seconds(task.part) for task in tasks if task.index not in open_places}
    return sum(finished.values())


def _plain_share(own_tasks: Sequence[Task], running: Mapping[str, float]) -> float:
    if not own_tasks:
        return 0.0
    share = sum(_done_share(task, running) for task in own_tasks) / len(own_tasks)
    # A single task may be the one that cuts the recording: what follows isn't known yet.
    return _BEFORE_CHUNKS * share if len(own_tasks) == 1 else share


def _estimate(job: Job, fraction: float, now: datetime) -> float | None:
    # What a job that goes on has kept says nothing about its pace.
    if job.started_at is None or job.resumed or fraction < _EARLIEST_ESTIMATE:
        return None
    passed = (now - job.started_at).total_seconds()
    return max(0.0, passed * (1.0 - fraction) / fraction)
