"""Jobs one by one, jobs from many submitters, and what they cost.

Every server is measured in the same way, which is that of `bench.peers.chain`: idle latency from
just before the submission until the job's row is seen completed, throughput from the first
submission until the last row is.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.database import SqliteTables
from bench.deployments import Parts, new_database, new_site
from bench.load import Generator, load_generator
from bench.peers import chain
from bench.peers.inline import PEER as INLINE_PEER
from bench.peers.inline import inline_server
from bench.peers.inline_sqlite import inline_sqlite_server
from bench.peers.rows import BlockingConnection
from bench.peers.server import RunningServer
from bench.processes import processor_seconds, resident_megabytes
from bench.roles import OURS, ROUTE, new_server, start_everything
from bench.waiting import COUNT_COMPLETED, Asked, MeasureError, watch_count, watch_job

AUDIO_BYTES = 100 * 1024
SUBMITTERS, CROWD = 32, 256
WORKERS = 2
"""Processes of a peer that do the work; ours has one for each of its two engines."""
_WARM_UP = 40
_IDLE_SECONDS = 2.0
_OK, _ACCEPTED = 200, 202
_COUNTED = OURS | {"server"}


@dataclass(frozen=True)
class Load:
    """How much a server has to do.

    Attributes:
        single: Jobs that are submitted one after the other.
        many: Jobs that all submitters share.
        crowd: Jobs that the crowd of submitters shares; 0 leaves it out.
    """

    single: int
    many: int
    crowd: int


@dataclass(frozen=True)
class Round:
    """What a round found.

    Attributes:
        jobs_per_second: With all submitters.
        p50: Milliseconds from the submission to the completed row of half of the single jobs.
        p95: Likewise, of 95 in a hundred.
        cpu: Processor milliseconds per job, by role.
        cpu_beside: Likewise, of what the server stands on, and of the load generator.
        memory: Resident megabytes after the single jobs, before the load, by role.
        memory_after: Likewise, after the load.
        idle_cpu: Processor milliseconds of all roles together in each second without any job.
        errors: Jobs of the crowd that were refused, broke, or were not completed.
    """

    jobs_per_second: float
    p50: float
    p95: float
    cpu: Mapping[str, float]
    cpu_beside: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, float] = field(default_factory=dict)
    memory_after: Mapping[str, float] = field(default_factory=dict)
    idle_cpu: float = 0.0
    errors: int = 0

    @property
    def cpu_per_job(self) -> float:
        """Processor milliseconds per job of all roles together."""
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Target:
    """A server that takes recordings over HTTP, and how to look at it.

    Attributes:
        url: Its address.
        path: The route that takes a recording by POST.
        status: The status of an answer that accepts one.
        rows: Looks at its jobs.
        processor_seconds: Processor seconds used so far, by role.
        memory: Resident megabytes, by role.
    """

    url: str
    path: str
    status: int
    rows: Asked
    processor_seconds: Callable[[], Mapping[str, float]]
    memory: Callable[[], Mapping[str, float]]


def measure_ours(deployment: str, parts: Parts, load: Load) -> Round:
    """Measure Dalston once, freshly started on empty parts.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    with new_site(deployment, parts) as site, new_server(site) as server:
        start_everything(server)
        target = Target(
            server.url,
            ROUTE,
            _ACCEPTED,
            server.tables,
            server.processor_seconds,
            server.memory,
        )
        return _measure(target, load)


def measure_peer(name: str, parts: Parts, load: Load) -> Round:
    """Measure a peer once, on a database of its own on the same server.

    Args:
        name: `celery`, `taskiq`, `inline`, or `inline-sqlite`.
        parts: What it stands on.
        load: What it has to do.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    if name == "inline-sqlite":
        with _inline_on_sqlite(parts) as target:
            return _measure(target, load)
    with new_database(parts.postgresql) as url:
        if name == "inline":
            with _inline(url, parts) as target:
                return _measure(target, load)
        wanted = chain.Load(
            jobs=load.many, submitters=SUBMITTERS, idle_jobs=load.single, concurrency=WORKERS
        )
        found = chain.measure_chain(chain.CHAINS[name], url, parts.valkey.url, wanted)
        return _round_of(found)


def _round_of(result: chain.PeerResult) -> Round:
    return Round(
        jobs_per_second=result.jobs_per_second,
        p50=result.idle_latency_p50_ms,
        p95=result.idle_latency_p95_ms,
        cpu=result.cpu_ms_by_role,
        memory_after=result.memory_mb,
    )


@contextmanager
def _inline(url: str, parts: Parts) -> Iterator[Target]:
    with (
        inline_server(url, parts.folder) as server,
        closing(BlockingConnection(url, INLINE_PEER, "watch")) as rows,
    ):
        yield _one_process(server, rows)


@contextmanager
def _inline_on_sqlite(parts: Parts) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(dir=parts.folder) as name:
        folder, database = Path(name), Path(name) / "inline.db"
        with (
            inline_sqlite_server(database, folder) as server,
            closing(SqliteTables(database)) as rows,
        ):
            yield _one_process(server, rows)


def _one_process(server: RunningServer, rows: Asked) -> Target:
    process = server.process_id
    return Target(
        server.url,
        server.path,
        _OK,
        rows,
        lambda: {"server": sum(processor_seconds(process).values())},
        lambda: {"server": sum(resident_megabytes(process).values())},
    )


def _measure(target: Target, load: Load) -> Round:
    with load_generator(target.url, target.path, target.status, AUDIO_BYTES) as generator:
        complete(target.rows, generator, _WARM_UP, SUBMITTERS)
        taken = [_complete_one(target.rows, generator) for _ in range(load.single)]
        memory, idle_cpu = dict(target.memory()), _idle_cpu(target)
        before = _used(target, generator)
        seconds = complete(target.rows, generator, load.many, SUBMITTERS)
        after = _used(target, generator)
        memory_after = dict(target.memory())
        cpu = {
            role: 1000 * (used - before.get(role, 0.0)) / load.many for role, used in after.items()
        }
        return Round(
            jobs_per_second=load.many / seconds,
            p50=1000 * statistics.median(taken),
            p95=1000 * statistics.quantiles(taken, n=20)[18],
            cpu={role: ms for role, ms in cpu.items() if role in _COUNTED},
            cpu_beside={role: ms for role, ms in cpu.items() if role not in _COUNTED},
            memory=memory,
            memory_after=memory_after,
            idle_cpu=idle_cpu,
            errors=count_errors(target.rows, generator, load.crowd, CROWD),
        )


def complete(rows: Asked, generator: Generator, count: int, submitters: int) -> float:
    """Have jobs submitted and completed.

    Returns:
        Seconds from the first submission until the completion of the last one was seen.

    Raises:
        MeasureError: One was not accepted, or not completed.
    """
    wanted = int(rows.value(COUNT_COMPLETED)) + count
    submitted = generator.submit(count, submitters)
    if submitted.errors:
        raise MeasureError(f"{count} jobs from {submitters} submitters: {submitted.errors}")
    return watch_count(rows, wanted) - submitted.begin


def _complete_one(rows: Asked, generator: Generator) -> float:
    """Return the seconds that one job took from its submission to its completion."""
    submitted = generator.submit(1, 1)
    if submitted.errors:
        raise MeasureError(f"a single job: {submitted.errors}")
    return watch_job(rows, submitted.ids[0]) - submitted.begin


def count_errors(rows: Asked, generator: Generator, count: int, submitters: int) -> int:
    """Return how many of some jobs were refused, broke, or were not completed."""
    completed = int(rows.value(COUNT_COMPLETED))
    accepted = len(generator.submit(count, submitters).ids) if count else 0
    try:
        watch_count(rows, completed + accepted)
    except MeasureError:
        accepted = int(rows.value(COUNT_COMPLETED)) - completed
    return count - accepted


def _idle_cpu(target: Target) -> float:
    """Return the processor milliseconds in each second of a while without jobs."""
    before = _counted(target)
    time.sleep(_IDLE_SECONDS)
    return 1000 * (_counted(target) - before) / _IDLE_SECONDS


def _counted(target: Target) -> float:
    used = target.processor_seconds()
    return sum(seconds for role, seconds in used.items() if role in _COUNTED)


def _used(target: Target, generator: Generator) -> dict[str, float]:
    own = sum(processor_seconds(generator.process_id).values())
    return {**target.processor_seconds(), "load": own}
