"""Measures a chain of two steps: its worker and its submitter are real processes.

How, the same for every peer, and possible on any table `jobs` with `id` and `status`:

- idle latency: jobs one by one on an idle system, from just before the submitting process inserts
  the rows until the watching process sees the job's row completed. It asks for that row over one
  kept connection, with a millisecond between two questions; the answer is late by half of that on
  average. `bench.waiting` is what asks, of every server alike.
- throughput: all submitters at once, from the first insert until the last job's row is completed;
  the rows are counted every ten milliseconds.
- processor time: of the workers and of the submitter, during the throughput phase; of PostgreSQL,
  Redis and the watching process nothing.
- memory: resident, of each process after the throughput phase; shared pages count in each.
"""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from bench.peers.commands import request, wait_ready
from bench.peers.process import running_module
from bench.peers.rows import (
    COUNT_UNFINISHED_TASKS,
    BlockingConnection,
    connection_prefix,
    new_job_id,
    tables,
)
from bench.processes import descendants, processor_seconds, resident_megabytes
from bench.waiting import (
    COUNT_COMPLETED,
    JOBS_SECONDS,
    MeasureError,
    seen,
    watch_count,
    watch_job,
)

_START_SECONDS = 60.0
_WARM_UP = 40
_WORKERS = """
SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name ^@ $1
"""


@dataclass(frozen=True)
class Chain:
    """A way to run two steps one after the other.

    Attributes:
        name: As it stands in tables.
        worker: What starts its workers, to follow `python -m`; `{concurrency}` stands for how many.
        submitter: The module that submits its jobs.
    """

    name: str
    worker: tuple[str, ...]
    submitter: str


CHAINS = {
    # Redis is the broker: `chain(a, b)`, acknowledged late, prefork workers.
    "celery": Chain(
        name="celery",
        worker=(
            *("celery", "-A", "bench.peers.celery_app", "worker", "--loglevel", "WARNING"),
            *("--pool", "prefork", "--concurrency", "{concurrency}"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        submitter="bench.peers.celery_submitter",
    ),
    # A Redis stream is the broker: task A enqueues task B, several worker processes.
    "taskiq": Chain(
        name="taskiq",
        worker=(
            *("taskiq", "worker", "bench.peers.taskiq_app:broker", "--log-level", "WARNING"),
            *("--workers", "{concurrency}"),
        ),
        submitter="bench.peers.taskiq_submitter",
    ),
}


@dataclass(frozen=True)
class Load:
    """What a chain has to do.

    Attributes:
        jobs: Jobs of the throughput phase.
        submitters: Threads or coroutines that submit them.
        idle_jobs: Jobs that are submitted one by one, at least 2.
        concurrency: Worker processes.
    """

    jobs: int
    submitters: int
    idle_jobs: int
    concurrency: int


@dataclass(frozen=True)
class PeerResult:
    """What was measured of a peer.

    Attributes:
        name: As it stands in tables.
        jobs_per_second: With all submitters, until the last job was completed.
        idle_latency_p50_ms: Milliseconds from a submission to the completed row, median.
        idle_latency_p95_ms: Likewise, of 95 in a hundred.
        cpu_ms_by_role: Processor milliseconds per job of `workers` and `submitter`.
        memory_mb: Resident megabytes (10^6 bytes) by process, such as `worker 1`.
    """

    name: str
    jobs_per_second: float
    idle_latency_p50_ms: float
    idle_latency_p95_ms: float
    cpu_ms_by_role: Mapping[str, float]
    memory_mb: Mapping[str, float]


@dataclass(frozen=True)
class Running:
    """The processes of a chain, and the connection that watches its rows."""

    submitter: subprocess.Popen[str]
    worker: subprocess.Popen[str]
    connection: BlockingConnection


def measure_chain(chain: Chain, database_url: str, redis_url: str, load: Load) -> PeerResult:
    """Start a chain's processes, measure them, and leave nothing behind.

    It blocks: in a program with an event loop, call it by `asyncio.to_thread`.

    Raises:
        MeasureError: A process did not start or a job did not complete.
    """
    with _started(chain, database_url, redis_url, load) as running:
        _complete(running, max(_WARM_UP, load.submitters))
        taken = [_complete_one(running) for _ in range(load.idle_jobs)]
        before = _processor_seconds(running)
        seconds = _complete(running, load.jobs)
        after = _processor_seconds(running)
        if unfinished := running.connection.value(COUNT_UNFINISHED_TASKS):
            raise MeasureError(f"all jobs are completed, but {unfinished} of their tasks are not")
        return PeerResult(
            name=chain.name,
            jobs_per_second=load.jobs / seconds,
            idle_latency_p50_ms=1000 * statistics.median(taken),
            idle_latency_p95_ms=1000 * statistics.quantiles(taken, n=20)[18],
            cpu_ms_by_role={
                role: 1000 * (after[role] - before[role]) / load.jobs for role in after
            },
            memory_mb=_memory(running),
        )


@contextmanager
def _started(chain: Chain, database_url: str, redis_url: str, load: Load) -> Iterator[Running]:
    """Run a chain's processes on fresh tables."""
    settings = {
        "BENCH_DATABASE_URL": database_url,
        "BENCH_REDIS_URL": redis_url,
        "BENCH_SUBMITTERS": str(load.submitters),
    }
    command = tuple(word.format(concurrency=load.concurrency) for word in chain.worker)
    with (
        _no_keys(redis_url, chain.name),
        tables(database_url, chain.name) as connection,
        running_module(command, settings, answers=False) as worker,
        running_module((chain.submitter,), settings) as submitter,
    ):
        running = Running(submitter, worker, connection)
        wait_ready(submitter, _START_SECONDS)
        _wait_for_workers(running, chain.name, load.concurrency)
        yield running


def _complete_one(running: Running) -> float:
    """Return the seconds that one job took from its submission to its completion."""
    job_id = new_job_id()
    begin = request(running.submitter, [job_id], JOBS_SECONDS)
    return watch_job(running.connection, job_id) - begin


def _complete(running: Running, count: int) -> float:
    """Return the seconds that many jobs took, from the first insert to the last completion."""
    wanted = running.connection.value(COUNT_COMPLETED) + count
    begin = request(running.submitter, [new_job_id() for _ in range(count)], JOBS_SECONDS)
    end = watch_count(running.connection, wanted)
    return end - begin


def _wait_for_workers(running: Running, name: str, concurrency: int) -> None:
    """Wait until each worker process has connected to the database."""

    def all_connected() -> bool:
        if running.worker.poll() is not None:
            raise MeasureError(f"the workers of {name} ended with {running.worker.returncode}")
        prefix = connection_prefix(name, "worker")
        return int(running.connection.value(_WORKERS, prefix)) == concurrency

    seen(all_connected, f"the workers of {name}", _START_SECONDS)


def _processor_seconds(running: Running) -> dict[str, float]:
    processes = {"workers": running.worker, "submitter": running.submitter}
    return {
        role: sum(processor_seconds(process.pid).values()) for role, process in processes.items()
    }


def _memory(running: Running) -> dict[str, float]:
    """Return the resident megabytes of the submitter, the first worker process and its children."""

    def total(process_id: int) -> float:
        return sum(resident_megabytes(process_id).values())

    children = descendants(running.worker.pid)[1:]
    found = {"submitter": total(running.submitter.pid)}
    found |= {f"worker {number}": total(child) for number, child in enumerate(children, 1)}
    found["worker parent"] = total(running.worker.pid) - sum(list(found.values())[1:])
    return found


@contextmanager
def _no_keys(redis_url: str, name: str) -> Iterator[None]:
    """Delete a peer's keys in Redis before and after it ran."""
    client = redis.Redis.from_url(redis_url)

    def delete() -> None:
        for key in client.scan_iter(f"*bench-{name}*"):
            client.delete(key)

    try:
        delete()
        yield
    finally:
        delete()
        client.close()
