"""What a server without a queue would cost: `python -m bench.inline FOLDER PORT`.

One FastAPI route that takes the same upload, writes it to a file, makes the three commits that a
job needs at least (accepted, started, completed) with the settings of Dalston's own database, and
answers with the stub's transcript. It keeps no promise about crashes: it is the price of HTTP, of
a file and of three commits.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

TRANSCRIPT: dict[str, Any] = {
    "text": "This is a stub transcript. The system works!",
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
        {"start": 2.0, "end": 4.0, "text": "The system works!"},
    ],
    "speakers": [],
    "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
}


def create_app(folder: Path) -> FastAPI:
    """Return the application; its database and files are in a folder."""
    app = FastAPI()
    database = sqlite3.connect(folder / "inline.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, status TEXT, path TEXT)")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/transcribe")
    async def transcribe(file: UploadFile) -> dict[str, Any]:
        job_id = secrets.token_hex(6)
        path = folder / f"{job_id}.wav"
        with path.open("wb") as stored:
            shutil.copyfileobj(file.file, stored)
        database.execute("INSERT INTO jobs VALUES (?, 'pending', ?)", (job_id, str(path)))
        database.execute("UPDATE jobs SET status = 'running' WHERE id = ?", (job_id,))
        database.execute("UPDATE jobs SET status = 'completed' WHERE id = ?", (job_id,))
        return {"id": job_id, "status": "completed", **TRANSCRIPT}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
