"""Submits taskiq tasks from coroutines: `python -m bench.peers.taskiq_submitter`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import uvloop

from bench.peers.commands import serve
from bench.peers.rows import SUBMIT, open_pool
from bench.peers.taskiq_app import PEER, broker, first


def main() -> None:
    """Submit what standard input asks for."""
    submitters = int(os.environ["BENCH_SUBMITTERS"])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pool = runner.run(
            open_pool(os.environ["BENCH_DATABASE_URL"], PEER, "submitter", submitters)
        )
        runner.run(broker.startup())

        async def submit_all(job_ids: Iterator[str]) -> None:
            for job_id in job_ids:
                await pool.execute(SUBMIT, job_id)
                await first.kiq(job_id)

        async def submit(job_ids: list[str]) -> None:
            remaining = iter(job_ids)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(submitters, len(job_ids))):
                    group.create_task(submit_all(remaining))

        serve(lambda job_ids: runner.run(submit(job_ids)))
        runner.run(broker.shutdown())
        runner.run(pool.close())


if __name__ == "__main__":
    main()
