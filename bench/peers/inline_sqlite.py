"""The same server without a queue, on SQLite: what the embedded deployment is compared with.

Its database has the settings of Dalston's own: a commit is in the write-ahead log, which is not
forced to the disk.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

from bench.peers.rows import TRANSCRIPT, new_job_id
from bench.peers.server import RunningServer, running_server, serve

_PATH = "/transcribe"
_TABLES = """
CREATE TABLE jobs (id TEXT PRIMARY KEY, status TEXT NOT NULL, result TEXT);
CREATE TABLE tasks (id TEXT PRIMARY KEY, job_id TEXT NOT NULL, status TEXT NOT NULL);
"""


@contextmanager
def inline_sqlite_server(database: Path, folder: Path) -> Iterator[RunningServer]:
    """Run the server; its answer to a POST is the completed job.

    Args:
        database: A file that is not there yet.
        folder: An existing folder for the uploads; what it put there is removed in the end.

    Raises:
        MeasureError: It did not start.
    """
    settings = {"BENCH_DATABASE_FILE": str(database)}
    with running_server("bench.peers.inline_sqlite", _PATH, folder, settings) as it:
        yield it


def create_app(folder: Path, path: Path) -> FastAPI:
    """Return the application."""
    app = FastAPI()
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(_TABLES)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post(_PATH)
    async def transcribe(file: UploadFile) -> dict[str, Any]:
        job_id = new_job_id()
        with (folder / f"{job_id}.wav").open("wb") as stored:
            shutil.copyfileobj(file.file, stored)
        submit(database, job_id)
        database.execute("UPDATE tasks SET status = 'completed' WHERE id = ?", (f"{job_id}-a",))
        finish(database, job_id)
        return {"id": job_id, "status": "completed", "text": TRANSCRIPT}

    return app


def submit(database: sqlite3.Connection, job_id: str) -> None:
    """Insert the three rows and commit."""
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO jobs VALUES (?, 'pending', NULL)", (job_id,))
    database.execute(
        "INSERT INTO tasks VALUES (?, ?, 'ready'), (?, ?, 'pending')",
        (f"{job_id}-a", job_id, f"{job_id}-b", job_id),
    )
    database.execute("COMMIT")


def finish(database: sqlite3.Connection, job_id: str) -> None:
    """Complete the second task and the job, and commit."""
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE tasks SET status = 'completed' WHERE id = ?", (f"{job_id}-b",))
    database.execute(
        "UPDATE jobs SET status = 'completed', result = ? WHERE id = ?", (TRANSCRIPT, job_id)
    )
    database.execute("COMMIT")


if __name__ == "__main__":
    serve(create_app(Path(sys.argv[1]), Path(os.environ["BENCH_DATABASE_FILE"])))
