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
_FEWEST_CHUNKS = 3
"""Finished chunks below which the speed of one says too little about the others."""
_SAME_PACE = 2.0
"""How much faster one half of what is done may have been than the other."""
_LEAST_SHARE = 0.25
"""Share of a task for all of the recording from which its end can be told."""
_JOINING = "merge"
"""The stage that takes next to no time when all chunks are done."""
_ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.SKIPPED, TaskStatus.FAILED})


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        fraction: Of all its work, 0 to 1.
        audio_seconds_done: Seconds of the recording whose chunks are finished.
        audio_seconds: Length of the recording in seconds, once it is known.
        eta_seconds: Seconds that it will take from now on, once that can be said to about a
            factor of two.
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
        # What a job that goes on has kept says nothing about its pace.
        sure = length is not None and not job.resumed
        left = _time_left(own_tasks, of_chunks, running, now) if sure else None
        return Progress(fraction, finished, length, left)
    fraction = _plain_share(own_tasks, running)
    # Tasks for all of the recording count alike here, whatever they take: no time follows from it.
    return Progress(fraction, 0.0, None, None)


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


def _time_left(
    own_tasks: Sequence[Task],
    of_chunks: Sequence[Task],
    running: Mapping[str, float],
    now: datetime,
) -> float | None:
    """Return the seconds that a job whose recording is cut will take, once that can be said."""
    of_all = [
        task
        for task in own_tasks
        if task.part is None and task.status not in _ENDED and task.stage != _JOINING
    ]
    lefts = [_chunks_left(of_chunks, running, now)]
    lefts += [_task_left(task, running, now) for task in of_all]
    known = [left for left in lefts if left is not None]
    return max(known) if len(known) == len(lefts) else None


def _chunks_left(
    tasks: Sequence[Task], running: Mapping[str, float], now: datetime
) -> float | None:
    """Return the seconds until all chunks are done, if those that are done were equally fast.

    The time from a job's start, or of its first chunk, has much in it that doesn't come again:
    a model is loaded, the recording is decoded, other jobs were first. As long as that counts, the
    later half of what is done was faster than the earlier one.
    """
    began = min((task.started_at for task in tasks if task.started_at), default=None)
    ended = sorted(
        (task.completed_at, _seconds(task.part)) for task in tasks if task.completed_at is not None
    )
    stages = len({task.stage for task in tasks})
    if began is None or len(ended) < _FEWEST_CHUNKS * stages:
        return None
    done = sum(_done_share(task, running) * _seconds(task.part) for task in tasks)
    left = sum(_seconds(task.part) for task in tasks) - done
    earlier, middle = 0.0, began
    for moment, seconds in ended:
        earlier, middle = earlier + seconds, moment
        if earlier >= done / 2:
            break
    before, since = (middle - began).total_seconds(), (now - middle).total_seconds()
    if before <= 0 or since <= 0 or done <= earlier:
        return None
    ratio = (earlier / before) / ((done - earlier) / since)
    if not 1 / _SAME_PACE <= ratio <= _SAME_PACE:
        return None
    return left * (before + since) / done


def _task_left(task: Task, running: Mapping[str, float], now: datetime) -> float | None:
    """Return the seconds until a task for all of the recording is done, if it tells enough."""
    share = _done_share(task, running)
    if task.started_at is None or share < _LEAST_SHARE:
        return None
    return max(0.0, (now - task.started_at).total_seconds()) * (1.0 - share) / share
