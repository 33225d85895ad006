"""What a backlog costs: submitting and completing while thousands of jobs wait.

The backlog is inserted by SQL: planned jobs of another owner, whose first task is ready. Then 32
submitters submit jobs over HTTP. The clock runs from the first request until all of them are
accepted and as many jobs as they submitted have been completed, whoever's: the orchestrator hands
out in turns between the owners. So the same work is done at any depth: so many recordings taken,
so many jobs brought to their end.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.backlog import STUB, insert_jobs, some_audio
from bench.deployments import EMBEDDED, Parts, new_site
from bench.jobs import AUDIO_BYTES, SUBMITTERS, complete
from bench.load import Generator, load_generator
from bench.roles import ROUTE, Server, new_server, start_everything
from bench.waiting import COUNT_COMPLETED, MeasureError, watch_count

DEPTHS = (0, 10_000, 100_000)
_UNFINISHED = "SELECT count(*) FROM jobs WHERE status IN ('pending', 'running')"
_ACCEPTED = 202


@dataclass(frozen=True)
class DepthLoad:
    """How much is measured at each depth.

    Attributes:
        single: Jobs that are submitted one after the other.
        many: Jobs that all submitters share, in each round.
        rounds: Rounds.
    """

    single: int
    many: int
    rounds: int


@dataclass(frozen=True)
class Depth:
    """What was found at a depth.

    Attributes:
        depth: Jobs that wait.
        submit_ms: Milliseconds of half of the single submissions, at most, while no engine works;
            None where the engines can't be left out.
        jobs_per_second: Of each round.
    """

    depth: int
    submit_ms: float | None
    jobs_per_second: tuple[float, ...]


def measure_depths(deployment: str, parts: Parts, load: DepthLoad) -> list[Depth]:
    """Measure one server at each depth.

    Raises:
        MeasureError: A process did not start or a job was not accepted.
    """
    with new_site(deployment, parts) as site, new_server(site) as server:
        if deployment == EMBEDDED:
            start_everything(server)
            with load_generator(server.url, ROUTE, _ACCEPTED, AUDIO_BYTES) as generator:
                complete(server.tables, generator, SUBMITTERS, SUBMITTERS)
            server.stop()
            return [_restarted_at(depth, server, load) for depth in DEPTHS]
        server.start_orchestrator()
        server.start_gateway()
        with load_generator(server.url, ROUTE, _ACCEPTED, AUDIO_BYTES) as generator:
            return [_with_engines_at(depth, server, generator, load) for depth in DEPTHS]


def _restarted_at(depth: int, server: Server, load: DepthLoad) -> Depth:
    """Measure a server that starts everything at once: it has to stop for the filling."""
    _fill(server, depth)
    start_everything(server)
    with load_generator(server.url, ROUTE, _ACCEPTED, AUDIO_BYTES) as generator:
        rates = _rates(server, generator, load)
    server.stop()
    return Depth(depth, None, rates)


def _with_engines_at(depth: int, server: Server, generator: Generator, load: DepthLoad) -> Depth:
    """Measure a server whose engines come when the backlog is there."""
    generator.submit(1, 1)
    _fill(server, depth)
    submitted = generator.submit(load.single, 1)
    if submitted.errors:
        raise MeasureError(f"submitting at a depth of {depth}: {submitted.errors}")
    server.start_engines()
    rates = _rates(server, generator, load)
    server.stop_engines()
    return Depth(depth, statistics.median(submitted.milliseconds), rates)


def _fill(server: Server, depth: int) -> None:
    """Bring the number of jobs that wait to a depth."""
    missing = depth - int(server.tables.value(_UNFINISHED))
    if missing > 0:
        insert_jobs(server.tables, STUB, missing, some_audio(server.tables))
        server.tables.settle()


def _rates(server: Server, generator: Generator, load: DepthLoad) -> tuple[float, ...]:
    """Return jobs per second of each round, once the engines have warmed up."""
    backlog = int(server.tables.value(_UNFINISHED))
    done = int(server.tables.value(COUNT_COMPLETED))
    watch_count(server.tables, done + min(backlog, load.single))
    complete(server.tables, generator, SUBMITTERS, SUBMITTERS)
    return tuple(
        load.many / complete(server.tables, generator, load.many, SUBMITTERS)
        for _ in range(load.rounds)
    )
