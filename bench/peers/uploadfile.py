"""The usual way to take a large file with FastAPI: `UploadFile`, copied in chunks to a folder.

It writes twice: the whole upload to a temporary file, before the route is called, then the copy.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

from bench.peers.server import RunningServer, running_server, serve

_PATH = "/upload"
_CHUNK_BYTES = 1024 * 1024


@contextmanager
def uploadfile_server(folder: Path) -> Iterator[RunningServer]:
    """Run the server; it answers a POST when the copy is complete.

    Args:
        folder: An existing folder for the files; what it put there is removed in the end.

    Raises:
        MeasureError: It did not start.
    """
    with running_server("bench.peers.uploadfile", _PATH, folder, {}) as it:
        yield it


def create_app(folder: Path) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    # A plain function, which FastAPI runs in a thread: quicker than awaiting each chunk.
    @app.post(_PATH)
    def upload(file: UploadFile) -> dict[str, Any]:
        name = f"{secrets.token_hex(6)}.wav"
        with (folder / name).open("wb") as stored:
            shutil.copyfileobj(file.file, stored, _CHUNK_BYTES)
        return {"id": name, "bytes": file.size}

    return app


if __name__ == "__main__":
    serve(create_app(Path(sys.argv[1])))
