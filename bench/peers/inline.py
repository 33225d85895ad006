"""A server without a queue: one request stores the file and makes all three commits itself.

It keeps no promise about crashes: it is the price of HTTP, of a file and of three commits.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

from bench.peers.rows import (
    FINISH_FIRST,
    FINISH_LAST,
    SUBMIT,
    TRANSCRIPT,
    new_job_id,
    open_pool,
    tables,
)
from bench.peers.server import RunningServer, running_server, serve

PEER = "inline"
_PATH = "/transcribe"
_CONNECTIONS = 32
"""As many as the load has submitters, so that none waits for another one's connection."""


@contextmanager
def inline_server(database_url: str, folder: Path) -> Iterator[RunningServer]:
    """Run the server; its answer to a POST is the completed job.

    Args:
        database_url: PostgreSQL; it uses a schema of its own there.
        folder: An existing folder for the files; what it put there is removed in the end.

    Raises:
        MeasureError: It did not start.
    """
    settings = {"BENCH_DATABASE_URL": database_url}
    with (
        tables(database_url, PEER),
        running_server("bench.peers.inline", _PATH, folder, settings) as it,
    ):
        yield it


def create_app(folder: Path, database_url: str) -> FastAPI:
    """Return the application."""
    pools: list[Any] = []

    @asynccontextmanager
    async def connected(_: FastAPI) -> AsyncIterator[None]:
        async with await open_pool(database_url, PEER, "server", _CONNECTIONS) as pool:
            pools.append(pool)
            yield

    app = FastAPI(lifespan=connected)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post(_PATH)
    async def transcribe(file: UploadFile) -> dict[str, Any]:
        job_id = new_job_id()
        with (folder / f"{job_id}.wav").open("wb") as stored:
            shutil.copyfileobj(file.file, stored)
        async with pools[0].acquire() as connection:
            await connection.execute(SUBMIT, job_id)
            await connection.execute(FINISH_FIRST, job_id)
            await connection.execute(FINISH_LAST, job_id, TRANSCRIPT)
        return {"id": job_id, "status": "completed", "text": TRANSCRIPT}

    return app


if __name__ == "__main__":
    serve(create_app(Path(sys.argv[1]), os.environ["BENCH_DATABASE_URL"]))
