"""Submits Celery chains from threads: `python -m bench.peers.celery_submitter`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from celery import chain  # type: ignore[import-untyped] # it has no types of its own

from bench.peers.celery_app import PEER, first, last
from bench.peers.commands import serve
from bench.peers.rows import SUBMIT, BlockingConnection


class Submitter:
    """Threads with a database connection each."""

    def __init__(self) -> None:
        self._threads = int(os.environ["BENCH_SUBMITTERS"])
        self._own = threading.local()
        self._executor = ThreadPoolExecutor(self._threads)
        self._connect()
        # A barrier, so that each thread is there and connected before the first job.
        barrier = threading.Barrier(self._threads)

        def start() -> None:
            self._connect()
            barrier.wait()

        for started in [self._executor.submit(start) for _ in range(self._threads)]:
            started.result()

    def _connect(self) -> None:
        url = os.environ["BENCH_DATABASE_URL"]
        self._own.connection = BlockingConnection(url, PEER, "submitter")

    def submit(self, job_ids: list[str]) -> None:
        """Submit jobs: a single one from this thread, more of them from all the others."""
        remaining = iter(job_ids)
        if len(job_ids) == 1:
            self._submit_all(remaining)
            return
        submitters = [
            self._executor.submit(self._submit_all, remaining) for _ in range(self._threads)
        ]
        for submitter in submitters:
            submitter.result()

    def _submit_all(self, job_ids: Iterator[str]) -> None:
        for job_id in job_ids:
            self._own.connection.execute(SUBMIT, job_id)
            chain(first.si(job_id), last.si(job_id)).apply_async()


if __name__ == "__main__":
    serve(Submitter().submit)
