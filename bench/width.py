"""What a wide job costs: one task, then so many side by side, then one that merges them.

A pipeline's stages have different names and engines of their own, so a wide job of one engine can
only be inserted by SQL: planned, its first task ready. Time runs from the completion of the first
task until the job is completed, both seen in the database: what was inserted is noticed only when
the orchestrator sweeps, up to a second later.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.backlog import fan, insert_jobs, some_audio
from bench.database import Tables
from bench.deployments import Parts, new_site
from bench.jobs import AUDIO_BYTES, SUBMITTERS, complete
from bench.load import load_generator
from bench.roles import OURS, ROUTE, Server, new_server, start_everything
from bench.waiting import COUNT_COMPLETED, Asked, seen, watch_count, watch_job

WIDTHS = (1, 64)
_FIRST_IS_COMPLETED = """
SELECT EXISTS (
    SELECT 1 FROM tasks WHERE job_id = $1 AND stage = 'first' AND status = 'completed'
)
"""
_COUNT_TASKS = "SELECT count(*) FROM tasks WHERE status = 'completed'"
_ACCEPTED = 202
_PAUSE = 0.001


@dataclass(frozen=True)
class WidthLoad:
    """How much is measured at each width.

    Attributes:
        single: Jobs that are inserted one after the other.
        tasks: Tasks of all the jobs that are inserted at once, about.
    """

    single: int
    tasks: int


@dataclass(frozen=True)
class Width:
    """What was found at a width.

    Attributes:
        width: Tasks side by side.
        milliseconds: From the first task's completion to the job's, of each single job.
        tasks_per_second: Of the jobs that were inserted at once, after the first task of them all.
        cpu_ms_per_task: Likewise, of all our processes.
    """

    width: int
    milliseconds: tuple[float, ...]
    tasks_per_second: float
    cpu_ms_per_task: float


def measure_widths(deployment: str, parts: Parts, load: WidthLoad) -> list[Width]:
    """Measure one server at each width.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    with new_site(deployment, parts) as site, new_server(site) as server:
        start_everything(server)
        with load_generator(server.url, ROUTE, _ACCEPTED, AUDIO_BYTES) as generator:
            complete(server.tables, generator, SUBMITTERS, SUBMITTERS)
        return [_measure(width, server, load) for width in WIDTHS]


def _measure(width: int, server: Server, load: WidthLoad) -> Width:
    tables, shape = server.tables, fan(width)
    audio = some_audio(tables)
    taken = []
    for _ in range(load.single):
        [job] = insert_jobs(tables, shape, 1, audio)
        begin = _first_completed(tables, job)
        taken.append(1000 * (watch_job(tables, job) - begin))
    count = max(1, load.tasks // len(shape))
    done, tasks_done = int(tables.value(COUNT_COMPLETED)), int(tables.value(_COUNT_TASKS))
    insert_jobs(tables, shape, count, audio)
    begin, first = watch_first(tables, tasks_done)
    before = _used(server)
    seconds = watch_count(tables, done + count) - begin
    cpu = _used(server) - before
    tasks = count * len(shape) - first
    return Width(width, tuple(taken), tasks / seconds, 1000 * cpu / tasks)


def _first_completed(tables: Tables, job_id: str) -> float:
    """Return when a job's first task was seen completed."""
    return seen(lambda: tables.value(_FIRST_IS_COMPLETED, job_id), job_id, pause=_PAUSE)


def watch_first(rows: Asked, done: int) -> tuple[float, int]:
    """Wait until more tasks are completed than were.

    Returns:
        When that was seen, and how many they are by then.

    Raises:
        MeasureError: It took too long.
    """
    found = done

    def more() -> bool:
        nonlocal found
        found = int(rows.value(_COUNT_TASKS))
        return found > done

    return seen(more, "the first task of many", pause=_PAUSE), found - done


def _used(server: Server) -> float:
    """Return the processor seconds that our processes have used so far."""
    return sum(seconds for role, seconds in server.processor_seconds().items() if role in OURS)
